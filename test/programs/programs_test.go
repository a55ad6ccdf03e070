package programs

import (
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// step is what a program does, and what has to be true after it. most is how many runs of rsync it
// may cost; 0: the runs are not counted.
type step struct {
	name, prepare, commands string
	most                    int
}

func steps() []step {
	return []step{
		{name: "vim", commands: `
			echo one > a; vim -es -u NONE -c 'normal Gotwo' -c wq a
			vim -es -u NONE --cmd 'set backup writebackup backupcopy=no' -c 'normal Gothree' -c wq a
			vim -es -u NONE --cmd 'set backupcopy=yes' -c 'normal Gofour' -c wq a
			vim -es -u NONE -c 'normal ihello' -c 'wq new' `},
		{name: "git", commands: `
			git init -q -b main repo; cd repo
			for i in $(seq 60); do mkdir -p d$((i%7)); echo $i > d$((i%7))/f$i; done
			git add .; git commit -qm one; git checkout -qb other
			git rm -qr d3; for i in $(seq 30); do echo x$i > d1/g$i; done; echo changed > d0/f7; git mv d5 d3; git add .; git commit -qm two
			for i in 1 2 3; do git checkout -q main; git checkout -q other; done
			git checkout -q main; git gc -q --prune=now; cd ..; git clone -q --no-hardlinks repo copy; git -C copy checkout -q other`},
		{name: "tar", prepare: `mkdir -p $OUT/t/x/y; for i in $(seq 50); do echo $i > $OUT/t/x/f$i; done; ln -s f1 $OUT/t/x/l; tar -C $OUT/t -cf $OUT/t.tar x`, commands: `
			tar xf $OUT/t.tar; echo newer > x/f1; tar xf $OUT/t.tar; tar -czf all.tgz x`},
		{name: "cp and install", prepare: `mkdir -p $OUT/c/d; echo 1 > $OUT/c/a; echo 2 > $OUT/c/d/b; touch -d '2 years ago' $OUT/c/a`, commands: `
			cp -a $OUT/c c1; cp -r $OUT/c c2; cp -p $OUT/c/a c2/d/b; cp --reflink=auto $OUT/c/a c3
			install -m 755 $OUT/c/a bin; install -d in/st; install -m 600 -t in/st $OUT/c/a; echo more >> c1/a; cp -p $OUT/c/a c1/a`},
		{name: "mv", prepare: `mkdir -p $OUT/m/k; echo 1 > $OUT/m/a; echo 2 > $OUT/m/k/b`, commands: `
			mv $OUT/m .; mv m n; mkdir -p p/q; mv n p/q/; mv p/q/n/k .; mv p $OUT/p; mv $OUT/p p2; echo new > p2/q/n/a
			mkdir s; touch s/1; mv s s2; mkdir s; touch s/2; mv -T s2 s3; mv p2/q/n/a /tmp/moved-out.$$; mv /tmp/moved-out.$$ back`},
		{name: "rm", prepare: `mkdir -p big; for i in $(seq 100); do mkdir -p big/$((i/10)); echo $i > big/$((i/10))/$i; done`, commands: `rm -rf big/1 big/2/2*; rm -rf big; mkdir big; echo again > big/1`},
		{name: "sed and dd", commands: `
			for i in $(seq 20); do echo "a b" > ed$i; done; sed -i s/a/c/ ed*; sed -i.bak s/b/d/ ed1
			dd if=/dev/urandom of=blob bs=64k count=40 status=none; dd if=/dev/zero of=blob bs=1k seek=10 count=3 conv=notrunc status=none
			truncate -s 100M sparse; echo end >> sparse; perl -pi -e s/c/e/ ed2; echo x | tee t1 t2 > /dev/null; echo y > $OUT/atomic; cp $OUT/atomic .a.tmp; mv .a.tmp atomic`},
		{name: "rsync", prepare: `mkdir -p $OUT/r/d; for i in $(seq 80); do echo $i > $OUT/r/d/$i; done; ln $OUT/r/d/1 $OUT/r/d/linked; mkdir -p here/d there/d`, commands: `
			rsync -aH $OUT/r/ here/; echo changed > $OUT/r/d/1; rm $OUT/r/d/2*; rsync -a --delete --inplace $OUT/r/ here/; rsync -a --delay-updates $OUT/r/ there/`},
		{name: "log rotation", commands: `
			for n in 1 2 3 4; do for i in $(seq 30); do echo line $i >> app.log; done
			[ -e app.log.2 ] && mv app.log.2 app.log.3; [ -e app.log.1 ] && mv app.log.1 app.log.2; mv app.log app.log.1; : > app.log; done
			gzip app.log.3; cp app.log.2 app.log.copy; : > app.log.2`},
		{name: "sqlite", commands: `
			sqlite3 db 'pragma journal_mode=wal; create table t(a); insert into t values(1);' > /dev/null
			for i in $(seq 30); do sqlite3 db "insert into t values($i);"; done
			sqlite3 db2 'pragma journal_mode=delete; create table t(a); insert into t values(1); pragma journal_mode=truncate; insert into t values(2);' > /dev/null; sqlite3 db vacuum`},
		{name: "mkdir -p", commands: `for i in $(seq 40); do mkdir -p a$i/b/c; echo $i > a$i/b/c/f; echo $i > a$i/g; done; mkdir -p deep/$(printf 'x/%.0s' $(seq 60)); echo z > deep/$(printf 'x/%.0s' $(seq 60))f`},
		{name: "links", commands: `
			mkdir v1 v2; echo 1 > v1/f; echo 2 > v2/f; ln -s v1 current; for i in 1 2 3; do ln -sfn v2 current; ln -sfn v1 current; done; ln -sfn v2 current
			ln -s nowhere dangling; ln -s loop loop; ln -s .. up; echo h > h1; ln h1 h2; mkdir hd; ln h1 hd/h3; echo more >> h2; ln -sf /etc/hostname out; rm current; mkdir current; echo d > current/f; rm -r current; ln -s v1 current`},
		{name: "specials", commands: `mkfifo fifo; mkfifo f2; rm f2; mkdir sp; mkfifo sp/x; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'; mv sp sp2`},
		{name: "200 files", commands: `for i in $(seq 200); do echo $i > many$i; done`, most: 14},
		{
			name: "10,000 entries deleted", most: 12,
			prepare: `for i in $(seq 100); do mkdir -p tree/$i; (cd tree/$i; touch $(seq 100)); done`, commands: `rm -rf tree`,
		},
		{name: "same second", commands: `for i in $(seq 20); do echo $i > same; done; echo aa > same2; echo bb > same2; printf x > empty; : > empty`},
		{name: "names", commands: `
			touch -- '-rf' '*' '?' '[a]' 'a b' $'new\nline' $'\xff' '"' "'" '$HOME' '` + "`id`" + `' ';' '#x' ';y' '\' 'a\*' '--delete' '~' '!' '%s'; mkdir -- '#d' ';e' '[b]*'; touch -- '#d/1' ';e/2' '[b]*/3'
			rm -- '*' '[a]' '#x' 'a\*'; rm -r -- '[b]*'; mv -- '-rf' '-fr'; echo x > abc; echo y > 'a?c'; rm 'a?c'`},
	}
}

// TestPrograms runs every program in the same tree, one after the other: with a tree for each
// program, a test would not notice what one program leaves for the next.
func TestPrograms(t *testing.T) {
	for _, m := range testkit.Few(modes(), 1) {
		for _, half := range []string{"first", "second"} {
			t.Run(m.name+" "+half, func(t *testing.T) {
				t.Parallel()
				all := steps()
				if half == "first" {
					all = all[:len(all)/2]
				} else {
					all = all[len(all)/2:]
				}
				s := newScene(t, m)
				s.start()
				for _, st := range all {
					s.step(st)
				}
				s.idle()
				if code := s.app.Stop(); code != 0 {
					t.Errorf("exit status %d after SIGTERM", code)
				}
			})
		}
	}
}

func (s *scene) step(st step) {
	s.t.Helper()
	if st.prepare != "" {
		s.shell(st.prepare)
		s.equal("what " + st.name + " needs")
	}
	before := s.rsync.Count()
	s.shell(st.commands)
	s.equal(st.name)
	runs := s.rsync.Count() - before
	s.t.Logf("%s: %d runs", st.name, runs)
	if st.most > 0 && runs > st.most {
		s.t.Errorf("%s took %d runs, expected at most %d\n%s", st.name, runs, st.most, s.runs(runs))
	}
}
