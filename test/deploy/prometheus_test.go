package deploy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/sersync/sersync/internal/testkit"
)

const (
	rulesFile     = "packaging/prometheus/sersync.rules.yml"
	dashboardFile = "packaging/grafana/sersync.json"
)

// TestDashboardSchema: the dashboard conforms to the schema of Grafana, so no name in it is
// misspelt.
func TestDashboardSchema(t *testing.T) {
	text := read(t, filepath.Join(top, dashboardFile))
	if wrong := problems(text); wrong != "" {
		t.Error(wrong)
	}
	if problems(strings.Replace(text, `"gridPos"`, `"gridPosition"`, 1)) == "" {
		t.Error("a slip is not found")
	}
}

// problems are the errors that the schema finds in a dashboard. The library returns an error that
// is not nil even if its list is empty.
func problems(text string) string {
	var d dashboard.Dashboard //nolint:staticcheck // every Grafana since 9 imports this form; its successor is for Grafana 12 alone
	if err := d.UnmarshalJSONStrict([]byte(text)); err != nil {
		return err.Error()
	}
	return ""
}

// expressions are the dashboard's queries by panel, with variables that stand for all hosts.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	must(t, json.Unmarshal([]byte(read(t, filepath.Join(top, dashboardFile))), &d))
	all := map[string][]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			filled := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$job", ".*").Replace(target.Expr)
			all[p.Title] = append(all[p.Title], filled)
		}
	}
	if len(all) < 15 {
		t.Fatalf("only %d panels", len(all))
	}
	return all
}

// binary builds the program for the tests that do not run the image.
func binary(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sersync")
	cmd := exec.Command("go", "build", "-trimpath", "-o", file, "./cmd/sersync")
	cmd.Dir = top
	output(t, cmd)
	return file
}

// prometheus is a Prometheus server that scrapes one program.
type prometheus struct {
	t   *testing.T
	url string
}

func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: sersync, static_configs: [{targets: [%q]}]}]
`, filepath.Join(top, rulesFile), target))
	address := fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t))
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=error")
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return prometheus{t, "http://" + address}
}

// ask returns the answer of the API; nil while there is no answer.
func (p prometheus) ask(path string) map[string]any {
	status, body := get(p.url+path, "")
	var answer struct {
		Status, Error string
		Data          map[string]any
	}
	if status == 0 || json.Unmarshal([]byte(body), &answer) != nil {
		return nil
	}
	if status != http.StatusOK || answer.Status != "success" {
		p.t.Fatalf("%s: %d %s", path, status, answer.Error)
	}
	return answer.Data
}

// query returns the labels of each series that an expression returns.
func (p prometheus) query(expr string) []map[string]any {
	var series []map[string]any
	list, _ := p.ask("/api/v1/query?query=" + url.QueryEscape(expr))["result"].([]any)
	for _, s := range list {
		one, _ := s.(map[string]any)
		labels, _ := one["metric"].(map[string]any)
		series = append(series, labels)
	}
	return series
}

// onlyInTrouble are expressions that return nothing while everything is well.
var onlyInTrouble = []string{"sersync_root_state", "sersync_lane_known_differences"}

// TestPrometheus: promtool finds no problem in the metrics and the rules. A real Prometheus that
// scrapes the program has data for each query of the dashboard, all rules can be evaluated, and an
// alert about a lane names its path.
func TestPrometheus(t *testing.T) {
	if out, err := exec.Command("promtool", "check", "rules", filepath.Join(top, rulesFile)).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
	dst := t.TempDir()
	rsyncd := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	port := testkit.FreePort(t)
	set := testkit.Settings{Watch: t.TempDir(), Dir: t.TempDir(), Remotes: []string{testkit.At(rsyncd.Port(), "m")}}
	config := strings.NewReplacer(
		`port="8008" page="false"`, fmt.Sprintf(`port="%d"`, port),
		`<plugin start="false" name="command"/>`, `<plugin start="true" name="command"/>`,
		"</head>", `<plugin name="command"><param prefix="/bin/true"/></plugin></head>`).Replace(set.XML())
	testkit.Start(t, testkit.Options{Config: config, Dir: set.Dir, Binary: binary(t)})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	p := startPrometheus(t, address)
	write(t, filepath.Join(set.Watch, "f"), "text")
	arrives(t, filepath.Join(dst, "f"), "text")

	check := exec.Command("promtool", "check", "metrics")
	_, metrics := get("http://"+address+"/metrics", "")
	check.Stdin = strings.NewReader(metrics)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}

	for panel, list := range expressions(t) {
		for _, expr := range list {
			quiet := false
			for _, metric := range onlyInTrouble {
				quiet = quiet || strings.Contains(expr, metric)
			}
			if quiet {
				p.query(expr) // the expression can be evaluated
				continue
			}
			if !testkit.Poll(limit, func() bool { return len(p.query(expr)) > 0 }) {
				t.Errorf("panel %s has no data: %s", panel, expr)
			}
		}
	}

	groups := fmt.Sprint(p.ask("/api/v1/rules")["groups"])
	testkit.Eventually(t, limit, "every rule has been evaluated", func() bool {
		groups = fmt.Sprint(p.ask("/api/v1/rules")["groups"])
		return groups != "<nil>" && !strings.Contains(groups, "health:unknown")
	})
	if strings.Contains(groups, "health:err") || strings.Count(groups, "health:ok") < 10 {
		t.Errorf("rules: %s", groups)
	}
	rsyncd.Stop()
	write(t, filepath.Join(set.Watch, "f"), "not now")
	testkit.Eventually(t, limit, "the alert about the lane that fails names its path", func() bool {
		for _, labels := range p.query(`ALERTS{alertname="SersyncLaneFailing"}`) {
			if labels["path"] == set.Watch {
				return true
			}
		}
		return false
	})
}
