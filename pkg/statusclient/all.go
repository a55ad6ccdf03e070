package statusclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sersync/sersync/pkg/status"
)

// instance is one running program.
type instance struct {
	socket string
	answer json.RawMessage // of /api/status; nil: err says why not
	snap   status.Snapshot
	level  status.Level
	err    error
}

// ShowAll is Show for every program that answers at one of the sockets. Its
// first line sums up: the exit status is that of the worst. A socket at which
// nobody listens any more is passed over.
func ShowAll(ctx context.Context, opts Options, sockets []string) int {
	var list []instance
	worst := status.InSync
	for _, socket := range sockets {
		i := look(ctx, socket)
		if errors.Is(i.err, ErrNotRunning) {
			continue
		}
		list, worst = append(list, i), max(worst, i.level)
	}
	if len(list) == 0 {
		worst = status.NotRunning
	}
	text := sum(list, opts.Render.Lang)
	var err error
	if opts.JSON {
		err = writeAllJSON(opts, list, worst, text)
	} else {
		err = writeAll(opts, list, worst, text)
	}
	if err != nil {
		return explain(opts, err)
	}
	return int(worst)
}

// look asks one program.
func look(ctx context.Context, socket string) instance {
	i := instance{socket: socket, level: status.Failing}
	if i.answer, i.err = New(socket).StatusJSON(ctx); i.err == nil {
		i.err = json.Unmarshal(i.answer, &i.snap)
	}
	if i.err == nil {
		i.level, _ = status.Overall(i.snap)
	}
	return i
}

// sum says how many programs run and how many of them are in sync.
func sum(list []instance, lang status.Lang) string {
	if len(list) == 0 {
		return [...]string{
			"no sersync runs on this host that this user may ask; root sees those of all users",
			"本机没有当前用户可以查询的 sersync 在运行；root 可以看到所有用户的",
		}[lang]
	}
	synced := 0
	for _, i := range list {
		if i.level == status.InSync {
			synced++
		}
	}
	format := [...]string{"instances of sersync on this host: %d, in sync: %d", "本机运行的 sersync 实例：%d，已同步：%d"}[lang]
	return fmt.Sprintf(format, len(list), synced)
}

func writeAll(opts Options, list []instance, worst status.Level, text string) error {
	if _, err := fmt.Fprintf(opts.Out, "%s: %s\n", worst.In(opts.Render.Lang), text); err != nil {
		return err
	}
	for _, i := range list {
		if _, err := fmt.Fprintln(opts.Out); err != nil {
			return err
		}
		if i.err != nil {
			one := opts
			one.Socket = i.socket
			explain(one, i.err)
			continue
		}
		localize(&i.snap, opts.Render.Lang)
		if err := status.Render(opts.Out, i.snap, opts.Render); err != nil {
			return err
		}
	}
	return nil
}

func writeAllJSON(opts Options, list []instance, worst status.Level, text string) error {
	answers := []json.RawMessage{}
	for _, i := range list {
		if i.err != nil {
			_, _ = fmt.Fprintln(opts.Err, "sersync:", status.Printable(i.err.Error()))
			continue
		}
		answers = append(answers, i.answer)
	}
	b, err := json.Marshal(map[string]any{
		"overall":   map[string]any{"level": worst, "state": worst.String(), "text": text},
		"instances": answers,
	})
	if err == nil {
		_, err = fmt.Fprintf(opts.Out, "%s\n", b)
	}
	return err
}
