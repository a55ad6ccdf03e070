package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/runcommand"
	"github.com/sersync/sersync/pkg/safefile"
	"github.com/sersync/sersync/pkg/webhook"
)

const (
	maxTemplate = 64 << 10 // bytes
	maxURLFile  = 8 << 10  // bytes
	jsonType    = "application/json"
)

// NewReceiver makes the receiver of a <notify>; relative file names begin at dir. It reads files
// and connects to nothing. With any of the returned problems it does not work.
func NewReceiver(conf confxml.Notify, file, dir string) (Receiver, []confxml.Problem) {
	b := builder{file: file, dir: dir}
	var r Receiver
	if conf.Webhook != nil {
		r = b.webhook(*conf.Webhook)
	} else {
		r = b.command(*conf.Command)
	}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	return r, nil
}

// builder makes a receiver and notes what is wrong with its element.
type builder struct {
	file, dir string
	problems  []confxml.Problem
}

// fail notes a problem; text is its cause and, after "; ", what to do.
func (b *builder) fail(line int, element, text string) {
	cause, remedy, ok := strings.Cut(text, "; ")
	if !ok {
		remedy = "correct it"
	}
	b.problems = append(b.problems, confxml.Problem{
		File: b.file, Line: line, Element: "notify/" + element, Message: cause + ": nobody is told", Remedy: remedy, Severity: confxml.Fault,
	})
}

func (b *builder) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(b.dir, name)
}

func (b *builder) webhook(conf confxml.Webhook) Receiver {
	h := &hook{contentType: conf.ContentType, answer: conf.Answer, url: conf.URL}
	if conf.URLFile != "" {
		data, _, err := safefile.ReadSecret(b.path(conf.URLFile), maxURLFile)
		if err != nil {
			b.fail(conf.Line, "webhook@urlfile", err.Error())
			return nil
		}
		h.url = strings.TrimSpace(string(data))
	}
	if _, err := webhook.ParseURL(h.url); err != nil { // it is not repeated: it may hold a secret
		b.fail(conf.Line, "webhook@url", err.Error()+`; write one like "https://chat.example.com/hook"`)
	}
	if conf.Template != "" {
		data, _, err := safefile.ReadInput(b.path(conf.Template), maxTemplate)
		if err == nil {
			h.template, err = ParseTemplate(filepath.Base(conf.Template), string(data))
		}
		if err == nil {
			_, err = h.body(sample())
		}
		if err != nil {
			b.fail(conf.Line, "webhook@template", err.Error())
		}
	}
	opt := webhook.Options{Timeout: conf.Timeout, Parallel: 1, Header: conf.TokenHeader}
	var err error
	if conf.CAFile != "" {
		if opt.Roots, err = webhook.Roots(b.path(conf.CAFile)); err != nil {
			b.fail(conf.Line, "webhook@cafile", err.Error())
		}
	}
	if conf.TokenFile != "" {
		opt.Token = webhook.NewToken(b.path(conf.TokenFile))
		if _, err := opt.Token.Read(); err != nil {
			b.fail(conf.Line, "webhook@tokenfile", err.Error())
		}
	} else if conf.TokenHeader != "" {
		b.fail(conf.Line, "webhook@tokenheader", "has no effect without tokenfile; add it")
	}
	h.client = webhook.New(opt)
	return h
}

// hook posts messages to a web address.
type hook struct {
	client      *webhook.Client
	url         string
	contentType string
	template    *template.Template // nil: the message as JSON
	answer      []string
}

// ParseTemplate reads the template of a body. Besides what text/template has, "json"
// writes any value as JSON, quotes included, and "cut N TEXT" the first N bytes of a text.
func ParseTemplate(name, text string) (*template.Template, error) {
	return template.New(name).Option("missingkey=error").Funcs(template.FuncMap{"json": toJSON, "cut": cut}).Parse(text)
}

func toJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// cut is the first n bytes of text, ending with a whole character.
func cut(n int, text string) string {
	if len(text) <= max(n, 0) {
		return text
	}
	text = text[:max(n, 0)]
	for len(text) > 0 {
		if r, size := utf8.DecodeLastRuneInString(text); r != utf8.RuneError || size > 1 {
			break
		}
		text = text[:len(text)-1]
	}
	return text
}

func (h *hook) body(m Message) ([]byte, error) {
	if h.template == nil {
		return json.Marshal(m)
	}
	var b bytes.Buffer
	if err := h.template.Execute(&b, m); err != nil {
		return nil, err
	}
	if h.contentType == jsonType && !json.Valid(b.Bytes()) {
		return nil, fmt.Errorf("the template %s does not give JSON: %.200q; write texts as {{json .Text}}, without quotes around it", h.template.Name(), b.String())
	}
	return b.Bytes(), nil
}

// Deliver posts one message.
func (h *hook) Deliver(ctx context.Context, m Message) error {
	body, err := h.body(m)
	if err != nil {
		return plugins.Permanent(err)
	}
	answer, err := h.client.Send(ctx, webhook.Request{Method: http.MethodPost, URL: h.url, ContentType: h.contentType, Body: body})
	if err != nil {
		return err
	}
	return h.judge(answer)
}

// judge finds a rejection in an answer that came with success.
func (h *hook) judge(answer []byte) error {
	var fields map[string]any
	if json.Unmarshal(answer, &fields) != nil {
		return nil
	}
	for _, name := range h.answer {
		if code, ok := fields[name].(float64); ok && code != 0 && code != http.StatusOK {
			return webhook.Rejected(fmt.Errorf("receiver answers %s %v: %.200q", name, code, answer))
		}
	}
	return nil
}

// Close releases the connection.
func (h *hook) Close() { h.client.Close() }

func (b *builder) command(conf confxml.Command) Receiver {
	c := &command{
		runner: runcommand.Runner{Dir: b.dir, Timeout: conf.Timeout}, json: conf.Input == "json",
		env: runcommand.Environment(os.Environ()),
	}
	c.runner.Stderr = &c.said
	var err error
	c.words, err = runcommand.Split(conf.Run, os.Getenv)
	switch {
	case err != nil:
		b.fail(conf.Line, "command@run", err.Error())
	case len(c.words) == 0:
		b.fail(conf.Line, "command@run", `holds no word; write run="/usr/local/bin/tell-me"`)
	default:
		name := c.words[0]
		if strings.Contains(name, "/") {
			name = b.path(name)
		}
		if _, err := exec.LookPath(name); err != nil {
			b.fail(conf.Line, "command@run", err.Error()+"; install the program or correct its name")
		}
	}
	return c
}

// command runs a program for each message.
type command struct {
	runner runcommand.Runner
	words  []string
	env    []string
	json   bool
	said   bytes.Buffer // standard error of the last run; runcommand bounds it
}

// Deliver runs the program once.
func (c *command) Deliver(ctx context.Context, m Message) error {
	env, stdin := c.env, []byte(nil)
	if c.json {
		data, err := json.Marshal(m)
		if err != nil {
			return plugins.Permanent(err)
		}
		stdin = append(data, '\n')
	} else {
		env = append(append([]string(nil), env...), variables(m)...)
	}
	c.said.Reset()
	_, err := c.runner.Run(ctx, c.words, env, stdin)
	if err == nil {
		return nil
	}
	text := errors.New(runcommand.Describe(err, "notify/command@run"))
	if said := bytes.TrimSpace(c.said.Bytes()); len(said) > 0 {
		text = fmt.Errorf("%w: %.200q", text, said)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return webhook.Rejected(text)
	}
	return text
}

// variables are the message for a command that reads no JSON.
func variables(m Message) []string {
	var env []string
	for _, v := range [][2]string{
		{"ID", m.ID}, {"TIME", m.Time.Format(time.RFC3339)}, {"EVENT", string(m.Event)}, {"STATUS", string(m.Status)},
		{"LEVEL", m.Level}, {"PREVIOUS", m.Previous}, {"HOST", m.Host}, {"CONFIG", m.Config}, {"ROOT", m.Root},
		{"REMOTE", m.Remote}, {"LANE", m.Lane}, {"TEXT", m.Text}, {"REASON", m.Reason}, {"REMEDY", m.Remedy},
		{"SINCE", m.Since.Format(time.RFC3339)}, {"SKIPPED", strconv.Itoa(m.Skipped)},
	} {
		env = append(env, "SERSYNC_"+v[0]+"="+strings.ReplaceAll(v[1], "\x00", ""))
	}
	return env
}

// Close ends the thread that starts commands.
func (c *command) Close() { c.runner.Close() }

// sample is a message to try a template with.
func sample() Message {
	now := time.Now()
	return Message{
		ID: "0123456789abcdef", Time: now, Event: Lane, Status: Problem, Level: "failing", Previous: "in sync", Host: "host", Config: "confxml.xml",
		Root: "/data", Remote: "web1::www", Lane: "/data#web1::www", Text: "/data to web1::www: \"quoted\"\nnext line", Reason: "a \\ and a \"", Since: now, Until: now,
	}
}
