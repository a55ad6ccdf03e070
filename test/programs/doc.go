// Package programs lets real programs change a watched tree, as people and
// cron jobs do, and looks whether the target becomes equal, how many runs of
// rsync that took, and that none follow once the tree is quiet.
package programs
