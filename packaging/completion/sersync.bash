# Completion of sersync(8) for bash: options, files, plugins, and the lanes of the
# running instance.

# The lanes of the instance that the command line means: $1 is the program as it
# was typed, $2 the configuration file or nothing.
_sersync_lanes() {
	"$1" --status ${2:+-o "$2"} 2>/dev/null | sed -n 's/^.* \([^ #]*#[^ #]*\)$/\1/p'
}

_sersync() {
	local cur prev words cword config i
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : cur prev words cword
	else
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
		cur=${words[cword]} prev=${words[cword - 1]}
	fi
	# In --option=value the equal sign is a word of its own.
	if [[ $cur == "=" ]]; then
		cur=
	elif [[ $prev == "=" ]]; then
		prev=${words[cword - 2]}
	fi
	for ((i = 1; i < cword; i++)); do
		[[ ${words[i]} == -*o && ${words[i]} != --* ]] && config=${words[i + 1]/#\~/$HOME}
	done
	COMPREPLY=()
	case $prev in
	-o | -[dr]*o | --pid-file | --where | --dir | --password-file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-m)
		mapfile -t COMPREPLY < <(compgen -W 'command http refreshCDN socket' -- "$cur")
		return
		;;
	-n)
		mapfile -t COMPREPLY < <(compgen -W auto -- "$cur")
		return
		;;
	--accept-empty | --pause | --pending | --resume | --resync | --verify)
		if [[ $cur != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_sersync_lanes "$1" "$config")" -- "$cur")
			declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
			return
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W '-d -r -o -n -m -h --accept-empty --all --check --connect --dir --follow --help --init --json
		--log --password-file --pause --pending --pid-file --reload --resume --resync --status --stop --target --user --verify --version --wait
		--where' -- "$cur")
}

complete -F _sersync sersync sersync2
