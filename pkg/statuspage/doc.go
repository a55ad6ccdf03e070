// Package statuspage serves the state of the program: a page for people,
// /api/status as JSON, /metrics for Prometheus, /healthz and /readyz.
//
// It listens on loopback, whatever host the configuration names (2.5.4 reserves <host hostip port>
// and never listens, so existing files name real interfaces), elsewhere only with <host listen> and
// a token, and always on a Unix socket of mode 0600. Over TCP it accepts no actions, and shows path
// names only to the bearer of the token; over the socket it shows everything and accepts actions.
//
// The page must never harm the sync: connections, header sizes and times are bounded, all requests
// within CacheTime share a snapshot, and nothing is computed while nobody asks. A port that is in
// use is only a warning.
package statuspage
