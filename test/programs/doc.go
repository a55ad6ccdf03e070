// Package programs lets real programs change a watched tree, as people and cron jobs do, and checks
// that the target becomes equal, how many runs of rsync that takes, and that none follow once the
// tree is quiet.
package programs
