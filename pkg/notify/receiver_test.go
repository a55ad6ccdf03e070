package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/webhook"
)

// receiver makes the receiver that a configuration describes; its files are in dir.
func receiver(t *testing.T, dir string, conf confxml.Notify) Receiver {
	t.Helper()
	r, problems := NewReceiver(conf, "c.xml", dir)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	t.Cleanup(r.Close)
	return r
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var body, kind string
	answer, code := "ok", 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		body, kind = string(data), r.Header.Get("Content-Type")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	dir := t.TempDir()
	write(t, dir+"/address", server.URL+"/secret/path?token=secret\n", 0o600)
	hook := confxml.Webhook{URLFile: "address", ContentType: jsonType, Answer: []string{"errcode", "code"}, Timeout: 10 * time.Second}
	r := receiver(t, dir, confxml.Notify{Webhook: &hook})
	if err := r.Deliver(t.Context(), sample()); err != nil {
		t.Fatal(err)
	}
	var m Message
	mu.Lock()
	if err := json.Unmarshal([]byte(body), &m); err != nil || m.Text != sample().Text || kind != jsonType {
		t.Errorf("%s: %s, %v", kind, body, err)
	}
	mu.Unlock()
	for _, tt := range []struct {
		code     int
		answer   string
		rejected bool
		ok       bool
	}{
		{200, `{"errcode":0,"errmsg":"ok"}`, false, true},
		{200, `{"code":200}`, false, true},
		{200, `{"StatusCode":0,"code":0}`, false, true},
		{200, `[1]`, false, true},
		{200, `{"errcode":310000,"errmsg":"keywords not in content"}`, true, false},
		{200, `{"code":19001,"msg":"param invalid"}`, true, false},
		{400, `no`, true, false},
		{500, `down`, false, false},
		{302, ``, true, false},
	} {
		mu.Lock()
		code, answer = tt.code, tt.answer
		mu.Unlock()
		err := r.Deliver(t.Context(), sample())
		var rejected *webhook.RejectedError
		if (err == nil) != tt.ok || errors.As(err, &rejected) != tt.rejected {
			t.Errorf("%d %s: %v", tt.code, tt.answer, err)
		}
	}
	server.Close()
	err := r.Deliver(t.Context(), sample())
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an address that does not answer: %v", err)
	}
}

// A server that accepts the connection and does not answer holds up a delivery no longer than its
// timeout.
func TestWebhookHangs(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	r := receiver(t, "/", confxml.Notify{Webhook: &confxml.Webhook{URL: server.URL, ContentType: jsonType, Timeout: 100 * time.Millisecond}})
	if err := r.Deliver(t.Context(), sample()); err == nil {
		t.Error("delivered")
	}
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/tell", "#!/bin/sh\nprintf '%s|' \"$1\" \"$SERSYNC_TEXT\" \"$SERSYNC_EVENT\" \"$SERSYNC_ROOT\" >out\ncat >in\n", 0o755)
	conf := confxml.Command{Run: "./tell 'a b;$(x)'", Input: "env", Timeout: 10 * time.Second}
	r := receiver(t, dir, confxml.Notify{Command: &conf})
	m := sample()
	if err := r.Deliver(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if out, _ := os.ReadFile(dir + "/out"); string(out) != "a b;$(x)|"+m.Text+"|lane|/data|" {
		t.Errorf("%q", out)
	}
	conf.Input = "json"
	if err := receiver(t, dir, confxml.Notify{Command: &conf}).Deliver(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	in, _ := os.ReadFile(dir + "/in")
	var got Message
	if err := json.Unmarshal(in, &got); err != nil || got.ID != m.ID || got.Text != m.Text {
		t.Errorf("%s: %v", in, err)
	}
}

func TestCommandFails(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/bad", "#!/bin/sh\necho no mail server >&2\nexit 3\n", 0o755)
	write(t, dir+"/hangs", "#!/bin/sh\nsleep 1000\n", 0o755)
	for name, want := range map[string]string{"bad": "exit status 3", "hangs": "timeout"} {
		timeout := 10 * time.Second
		if name == "hangs" {
			timeout = 100 * time.Millisecond
		}
		r := receiver(t, dir, confxml.Notify{Command: &confxml.Command{Run: "./" + name, Input: "env", Timeout: timeout}})
		err := r.Deliver(t.Context(), sample())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "bad" && !strings.Contains(err.Error(), "no mail server") {
			t.Errorf("the error lacks the output of the command: %v", err)
		}
	}
}

func TestProblems(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/open", "https://h/secret", 0o644)
	write(t, dir+"/plain", "{\"text\": \"{{.Text}}\"}", 0o644)
	write(t, dir+"/broken", "{{.Text", 0o644)
	write(t, dir+"/unknown", "{{json .Txt}}", 0o644)
	hook := func(w confxml.Webhook) confxml.Notify {
		w.Line, w.ContentType = 7, jsonType
		return confxml.Notify{Webhook: &w}
	}
	command := func(run string) confxml.Notify {
		return confxml.Notify{Command: &confxml.Command{Line: 7, Run: run, Timeout: time.Second}}
	}
	const good = "https://h/hook"
	tests := []struct {
		name string
		conf confxml.Notify
		want string
	}{
		{"no url", hook(confxml.Webhook{URL: "ftp://secret/x"}), "notify/webhook@url: is not a url"},
		{"address that others can read", hook(confxml.Webhook{URLFile: "open"}), "notify/webhook@urlfile"},
		{"no template", hook(confxml.Webhook{URL: good, Template: "none"}), "notify/webhook@template"},
		{"template with bare text", hook(confxml.Webhook{URL: good, Template: "plain"}), "does not give JSON"},
		{"template that does not end", hook(confxml.Webhook{URL: good, Template: "broken"}), "notify/webhook@template"},
		{"template with an unknown field", hook(confxml.Webhook{URL: good, Template: "unknown"}), "Txt"},
		{"no certificates", hook(confxml.Webhook{URL: good, CAFile: "plain"}), "notify/webhook@cafile"},
		{"no token", hook(confxml.Webhook{URL: good, TokenFile: "none"}), "notify/webhook@tokenfile"},
		{"header without token", hook(confxml.Webhook{URL: good, TokenHeader: "X"}), "notify/webhook@tokenheader"},
		{"no program", command("/nonexistent/tell"), "notify/command@run"},
		{"shell", command("tell $(date)"), "notify/command@run"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := NewReceiver(tt.conf, "c.xml", dir)
			text := fmt.Sprint(problems)
			if len(problems) != 1 || !strings.Contains(text, tt.want) || strings.Contains(text, "secret") || !strings.Contains(text, "c.xml:7") || problems[0].Remedy == "" {
				t.Errorf("%s", text)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		n          int
		text, want string
	}{{5, "abc", "abc"}, {2, "abc", "ab"}, {4, "中文", "中"}, {0, "a", ""}, {-1, "a", ""}} {
		if got := cut(tt.n, tt.text); got != tt.want {
			t.Errorf("cut %d %q: %q", tt.n, tt.text, got)
		}
	}
}

// FuzzJSON: whatever a text contains, it becomes one JSON string.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{"", "a\"b\\", "\x00\xff\u2028</script>", "中文\n"} {
		f.Add(seed)
	}
	tmpl, err := ParseTemplate("t", "{\"text\": {{json .}}}")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		if err := tmpl.Execute(&b, text); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got["text"] != strings.ToValidUTF8(text, "\ufffd") && len(got["text"]) < len(text) {
			t.Errorf("%q gives %q: %v", text, b.String(), err)
		}
	})
}

// These are the forms that the receivers of the examples document.
type (
	slackText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	slack struct {
		Text   string `json:"text"`
		Blocks []struct {
			Type     string      `json:"type"`
			Text     *slackText  `json:"text"`
			Elements []slackText `json:"elements"`
		} `json:"blocks"`
	}
	feishu struct {
		Type    string `json:"msg_type"`
		Content struct {
			Post map[string]struct {
				Title   string `json:"title"`
				Content [][]struct {
					Tag  string `json:"tag"`
					Text string `json:"text"`
				} `json:"content"`
			} `json:"post"`
		} `json:"content"`
	}
	robot struct { // the form of DingTalk and WeCom
		Type string `json:"msgtype"`
		Text struct {
			Content string `json:"content"`
		} `json:"text"`
		At *struct {
			All bool `json:"isAtAll"`
		} `json:"at"`
	}
	alerts []struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
		EndsAt      time.Time         `json:"endsAt"`
	}
)

// strict decodes a body that must not contain anything but what v has.
func strict(t *testing.T, body []byte, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
}

// TestExamples renders each template of examples/notify with plain and with hostile texts, and
// compares the bodies with the forms that their receivers document.
func TestExamples(t *testing.T) {
	hostile := sample()
	hostile.Text = "</at>\"\\\n<!channel> <at user_id=\"all\"> " + strings.Repeat("长", 9000)
	hostile.Remedy = "`rm -rf` \x01\u2028"
	over := sample()
	over.Status, over.Level, over.Remedy = Over, "in sync", ""
	over.Until = over.Time
	checks := map[string]func(t *testing.T, m Message, body []byte){
		"slack.tmpl": func(t *testing.T, m Message, body []byte) {
			var v slack
			strict(t, body, &v)
			if len(v.Text) > 3000 || !strings.HasPrefix(v.Text, "sersync: ") || len(v.Blocks) < 3 {
				t.Errorf("%s", body)
			}
			for _, b := range v.Blocks { // the limits of Block Kit
				if b.Text != nil && (b.Text.Type != "plain_text" || len(b.Text.Text) > 3000 || b.Text.Text == "" || b.Type == "header" && len(b.Text.Text) > 150) {
					t.Errorf("%+v", b)
				}
			}
		},
		"feishu.tmpl": func(t *testing.T, m Message, body []byte) {
			var v feishu
			strict(t, body, &v)
			post := v.Content.Post["zh_cn"]
			if v.Type != "post" || post.Title == "" || len(post.Content) < 2 || len(body) > 20<<10 {
				t.Errorf("%s", body)
			}
			for _, line := range post.Content {
				if len(line) != 1 || line[0].Tag != "text" || line[0].Text == "" {
					t.Errorf("%+v", line)
				}
			}
		},
		"dingtalk.tmpl": func(t *testing.T, m Message, body []byte) {
			var v robot
			strict(t, body, &v)
			if v.Type != "text" || !strings.Contains(v.Text.Content, "sersync") || len(body) > 20000 || v.At == nil || v.At.All {
				t.Errorf("%s", body)
			}
		},
		"wecom.tmpl": func(t *testing.T, m Message, body []byte) {
			var v robot
			strict(t, body, &v)
			if v.Type != "text" || len(v.Text.Content) > 2048 || !strings.HasPrefix(v.Text.Content, "sersync") {
				t.Errorf("%s", body)
			}
		},
		"alertmanager.tmpl": func(t *testing.T, m Message, body []byte) {
			var v alerts
			strict(t, body, &v)
			if len(v) != 1 || v[0].Labels["alertname"] != "sersync_lane" || v[0].Labels["root"] != "/data" || v[0].Annotations["summary"] != strings.ToValidUTF8(m.Text, "\ufffd") ||
				v[0].StartsAt.IsZero() || (m.Status == Over) != !v[0].EndsAt.After(m.Time) {
				t.Errorf("%s", body)
			}
		},
	}
	dir := "../../examples/notify"
	files, err := filepath.Glob(dir + "/*.tmpl")
	if err != nil || len(files) != len(checks) {
		t.Fatalf("%d templates, %d checks, %v", len(files), len(checks), err)
	}
	problem := sample()
	problem.Until = problem.Time.Add(time.Hour)
	hostile.Until = problem.Until
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var body []byte
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) }))
			defer server.Close()
			r := receiver(t, dir, confxml.Notify{Webhook: &confxml.Webhook{
				URL: server.URL, Template: filepath.Base(file), ContentType: jsonType, Timeout: 10 * time.Second,
			}})
			for _, m := range []Message{problem, hostile, over} {
				if err := r.Deliver(context.Background(), m); err != nil {
					t.Fatal(err)
				}
				checks[filepath.Base(file)](t, m, body)
			}
		})
	}
}
