// Package statuspage serves the state of the program: a page for people,
// /api/status as JSON, /metrics for Prometheus, /healthz and /readyz.
//
// It listens on loopback, whatever host the configuration names (2.5.4
// reserves <host hostip port> and never listens, so existing files name real
// interfaces), elsewhere only with <host listen> and a token, and always on a
// Unix socket of mode 0600. Over TCP it only reads, and tells path names only
// to the bearer of the token; over the socket it tells everything and takes
// actions.
//
// The page must never harm the sync: connections, header sizes and times are
// bounded, a snapshot is shared by all requests of CacheTime, and nothing is
// computed while nobody asks. A port that cannot be had is a warning.
package statuspage
