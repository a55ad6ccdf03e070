# complete.zsh DIRECTORY LINE: prints what zsh offers, with the completions in
# DIRECTORY, when Tab is pressed at the end of LINE. A terminal is needed for that,
# so there is another zsh at a pseudo-terminal, which runs this file, too.
if [[ -n $OFFERS ]]; then
	PROMPT= fpath=($COMPLETIONS $fpath)
	autoload -U compinit
	compinit -u -D
	# What is added to the list goes to a file as well. A call that asks which of
	# some words would match adds nothing.
	compadd() {
		if [[ ${@[(I)-[AOD]*]} == 0 ]]; then
			local -a offers
			builtin compadd -O offers "$@"
			print -rl -- $offers >> $OFFERS
		fi
		builtin compadd "$@"
	}
	offer() {
		_main_complete
		print COMPLETED > $TTY
	}
	zle -C offer list-choices offer
	bindkey '^I' offer
	return
fi

zmodload zsh/zpty
export COMPLETIONS=$1 OFFERS=$(mktemp)
zpty -b terminal zsh -f -i
trap 'rm -f $OFFERS' EXIT
zpty -w terminal "source ${(q)0:A}; print READ''Y"
zpty -r terminal output '*READY*'
zpty -w -n terminal "$2"$'\t'
zpty -r terminal output '*COMPLETED*'
zpty -d terminal
cat $OFFERS
