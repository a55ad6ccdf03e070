package golden

// base is what the target is compared with.
type base int

const (
	byMode    base = iota // the recorded target if rsync really ran, otherwise source
	source                // the source as far as the filter and the rule for temporary files let it through
	untouched             // the target as it was before the start, because nothing can arrive
)

// want is what is expected of one run when that differs from the record. The zero value expects
// what was recorded.
type want struct {
	why  string // the reason for an exception: a defect of 2.5.4 with its number, or a decision
	base base
	src  string   // the directory that counts as the source; src unless given
	dst2 string   // a directory that dst2 must be equal to as well
	may  []string // paths that may be on the target in any state or not at all, with everything below them

	exit       exitKind
	noSource   bool   // the watch path does not exist
	opsMayFail bool   // the files of an operation may be gone
	signal     string // a signal that is sent after the last step

	noOutput bool     // start-up lines are not compared
	errno    []string // is expected in the fail script instead of the recorded numbers
	noErrno  bool     // no failure is expected in the fail script
	plugged  []string // is expected in plug.log instead of what was recorded
	plugAny  bool     // plug.log is not compared
	tcpAny   bool     // connections are not compared
	errorLog bool     // errorlog.txt is not compared

	after func(*scene) // makes further checks at the end
}

// exitKind says how the program has to have ended, or that it is still running.
type exitKind int

const (
	asRecorded exitKind = iota // the recorded status; or running, if 2.5.4 ran or crashed
	running
	one        // status 1
	zero       // status 0
	failing    // any status except 0
	anyEnd     // ended or still running
	endedClean // ended by the run's signal, with status 0
)

// Many runs share these reasons.
const (
	startSync  = "defect 20: without -r nothing was sent at start; ours makes up for what it does not know to be there"
	listed     = "an element that crashed 2.5.4 takes its default"
	patterns   = "defect 6: names were used as rsync patterns"
	selfAttrib = "defects 10, 11: attrib events"
	filterRule = "defect 22: one filter rule instead of three"
	noClose    = "defect 36: what gets no close event"
	byCreation = "the switches of this run leave open how much of a tree that appears is sent"
)

// exceptions are the runs whose end differs from the recorded one, each with the defect (by its
// number in the list of the defects of 2.5.4) or the decision behind the difference.
var exceptions = map[string]want{
	// Command line and start.
	"004_unknown_option":                {why: "same status and line"},
	"010_dh":                            {why: "the help text is our own", noOutput: true},
	"011_long_help":                     {why: "--help is an option now", exit: zero, noOutput: true},
	"014_m_http":                        {why: "the http plugin is back; this file configures none", exit: failing, noOutput: true},
	"014b_d_m_http":                     {why: "as 014, and defect 30: the parent says so", exit: failing, noOutput: true},
	"508_plugin_http":                   {why: "the http plugin is back; this file configures none", exit: failing, noOutput: true},
	"016d_daemon_sigint":                {why: "SIGINT ends a daemon in order, as SIGTERM does", exit: anyEnd},
	"016f_daemon_no_remote":             {why: "defect 30: the parent said 0", exit: failing},
	"017b_sighup":                       {why: "a signal that ends or is used otherwise", signal: "SIGHUP", exit: anyEnd},
	"017c_sigquit":                      {why: "a signal that ends", signal: "SIGQUIT", exit: anyEnd},
	"174_daemon_sighup":                 {why: "a signal that ends or is used otherwise", signal: "SIGHUP", exit: anyEnd},
	"172_sigterm_during_rsync":          {why: "running rsyncs are waited for, exit 0", exit: endedClean},
	"173_sigint_during_rsync":           {why: "SIGINT ends in order; what follows is not synced", exit: endedClean, may: []string{"b"}},
	"022_missing_watch_dir":             {why: "defect 26: deaf without a word", exit: failing, opsMayFail: true, noSource: true, base: untouched},
	"027b_no_watch_attr":                {why: "no value is possible: one line and 1", exit: one},
	"060_flags_all_false":               {why: startSync, may: []string{"old", "f"}, base: untouched},
	"316_faillog_in_watch":              {why: "defect 27: refused", exit: failing, base: untouched, noErrno: true},
	"504_plugin_command_bad_regex":      {why: "same status", noOutput: true},
	"505b_plugin_command_other_section": {why: "2.5.4 executed the changed files", exit: anyEnd, base: source, may: []string{"a"}, after: nothingExecuted, noOutput: true},
	"509_plugin_unknown":                {why: "same status"},
	"523b_m_socket_only_other_section":  {why: "deaf without a word: one line and 1", exit: failing, noOutput: true},
	"532c_refreshCDN_bad_regex":         {why: "aborted: one line and 1", exit: failing, opsMayFail: true, noOutput: true, errorLog: true},

	// 2.5.4 crashed without these elements and attributes.
	"040_without_auth":            {why: listed, exit: running},
	"040_without_closeWrite":      {why: listed, exit: running},
	"040_without_commonParams":    {why: listed, exit: running},
	"040_without_createFile":      {why: listed, exit: running},
	"040_without_createFolder":    {why: listed, exit: running},
	"040_without_delete":          {why: listed, exit: running},
	"040_without_failLog":         {why: listed, exit: running},
	"040_without_fileSystem":      {why: listed, exit: running},
	"040_without_filter":          {why: listed, exit: running},
	"040_without_host":            {why: listed, exit: running},
	"040_without_modify":          {why: listed, exit: running},
	"040_without_moveFrom":        {why: listed, exit: running},
	"040_without_moveTo":          {why: listed, exit: running},
	"040_without_rsync":           {why: listed, exit: running},
	"040_without_sersync":         {why: "no localpath: no value is possible", exit: one},
	"040_without_ssh":             {why: listed, exit: running},
	"040_without_timeout":         {why: listed, exit: running},
	"040_without_userDefinedPort": {why: listed, exit: running},
	"041a_host_without_port":      {why: listed, exit: running},
	"041c_faillog_no_time":        {why: listed, exit: running},
	"041e_crontab_no_filter_elem": {why: listed, exit: running},
	"041f_crontab_no_schedule":    {why: listed, exit: running},
	"041i_filter_no_expression":   {why: listed, exit: running},

	// Shell injection and names as patterns.
	"036c_watch_with_space":             {why: "defect 4: the watch path was not quoted", base: source, src: "out/my dir", noErrno: true},
	"036g_watch_metachar":               {why: "defect 4", base: source, src: "out/d;touch pwned_36"},
	"037b_module_metachar":              {why: "defect 4: that module does not exist", base: untouched, noErrno: true},
	"1304_name_dquote_inject":           {why: "defect 1", base: source, noErrno: true},
	"1317_name_backslash_dollar":        {why: "defect 1", base: source},
	"1310_name_bracket":                 {why: patterns, base: source},
	"1316_name_backslash":               {why: patterns, base: source},
	"1318_name_trail_backslash":         {why: patterns, base: source, noErrno: true},
	"1334_name_triple_star":             {why: patterns, base: source},
	"140_delete_star_side_effect":       {why: patterns, base: source},
	"141_delete_bracket_not_propagated": {why: patterns, base: source},
	"143_delete_nested_unanchored":      {why: patterns, base: source},
	"144_rmdir_deletes_dst_only_files":  {why: "defect 7: a removed directory may go with or without what only the target has", base: source, may: []string{"d"}},

	// Several localpaths; kinds of files that are not synced; overflow; roots that are lost.
	"028_two_localpaths":                  {why: "defect 23; two lanes, and the line about threads says so", dst2: "out", noOutput: true},
	"103_chmod":                           {why: startSync, base: source},
	"110_symlink":                         {why: noClose, base: source},
	"110b_symlink_createFile":             {why: startSync, base: source},
	"111_hardlink":                        {why: noClose, base: source},
	"151_xfs_false_symlink_dir":           {why: startSync, base: source},
	"151b_xfs_true_symlink_dir":           {why: "defect 35: links out of the tree were entered", base: source},
	"152b_crash_event_after_dir_move_out": {why: startSync, base: source},
	"152c_event_after_dir_rename_fast":    {why: startSync, base: source},
	"153_remove_watch_root":               {why: "defect 26; what goes with a lost root is not deleted (the disaster brake)", base: source, may: []string{"d"}, noErrno: true},
	"158_mmap_like_and_copy_range":        {why: noClose, base: source},
	"161_queue_overflow":                  {why: "defect 9", exit: running},
	"171_same_size_same_second":           {why: "rsync's quick check compared seconds", base: source},

	// Switches.
	"052_only_createFolder":                {why: byCreation, base: untouched, may: []string{"d", "e", "old", "f", "g", "in1"}},
	"053_only_createFile":                  {why: startSync + "; defect 24: a moved directory is followed", may: []string{"old", "e"}},
	"055_only_moveFrom":                    {why: startSync, may: []string{"old"}},
	"064_createFolder_false":               {why: startSync, may: []string{"old"}, after: oldArrived},
	"042_true_spellings":                   {why: "only the exact text true counts: closeWrite is off", base: untouched},
	"042b_minimal_config":                  {why: "closeWrite only"},
	"061_default_plus_attrib":              {why: selfAttrib, base: source},
	"067_chmod_dir_then_write_attrib":      {why: selfAttrib, base: source},
	"069_attrib_on_watch_root":             {why: selfAttrib, base: source},
	"069b_attrib_subdir_self_garbage_name": {why: selfAttrib, base: source},
	"162_attrib_cp_a_tree":                 {why: selfAttrib, base: source},

	// Filters.
	"209_filter_moved_dir_ignores_filter_below": {why: filterRule, base: source},

	// Fail log: in these runs rsync cannot run, so nothing can arrive.
	"30_rc001":                     {why: "nothing can arrive", base: untouched},
	"30_rc002":                     {why: "nothing can arrive", base: untouched},
	"30_rc003":                     {why: "nothing can arrive", base: untouched},
	"30_rc010":                     {why: "nothing can arrive", base: untouched},
	"30_rc011":                     {why: "nothing can arrive", base: untouched},
	"30_rc012":                     {why: "nothing can arrive", base: untouched},
	"30_rc023":                     {why: "defect 16: 23 without a complaint says nothing", base: untouched, noErrno: true},
	"30_rc024":                     {why: "defect 16: 24 is success", base: untouched, noErrno: true},
	"30_rc025":                     {why: "nothing can arrive", base: untouched},
	"30_rc030":                     {why: "nothing can arrive", base: untouched},
	"30_rc035":                     {why: "nothing can arrive", base: untouched},
	"30_rc1000":                    {why: "nothing can arrive; the status is that of a killed rsync", base: untouched, errno: []string{"35072", "9"}},
	"30_rc127":                     {why: "nothing can arrive", base: untouched},
	"041d_faillog_empty_path":      {why: "nothing can arrive", base: untouched},
	"312_fail_first_two":           {why: "retried until it is through", noErrno: true},
	"314_faillog_unwritable_dir":   {why: "nothing can arrive", base: untouched},
	"318_faillog_preexisting_kept": {why: "defect 12", base: untouched},
	"319_faillog_symlink":          {why: "defect 12: no link is followed", base: untouched, noErrno: true, after: victimUntouched},
	"320_fail_100_files":           {why: "nothing can arrive", base: untouched},
	"321_retry_race_deleted":       {why: "defect 15", noErrno: true},
	"030b_auth_empty_users":        {why: "without user and password file there is nothing to announce", noOutput: true},
	"537_refreshCDN_long_url":      {why: "requests are no longer cut at 1023 bytes", errorLog: true},
	"030c_auth_wrong_user":         {why: "access is denied; the failure is logged", errno: []string{"1280"}},

	"1303_name_dquote":                  {why: "defect 2: a syntax error of the shell was logged", noErrno: true},
	"008_dro_FILE":                      {why: "defect 14: runs that had succeeded were logged as failed", noErrno: true},
	"016a_daemon":                       {why: "defect 14: runs that had succeeded were logged as failed", noErrno: true},
	"016b_daemon_debug":                 {why: "defect 14: runs that had succeeded were logged as failed", noErrno: true},
	"016c_daemon_20_files":              {why: "defect 14: runs that had succeeded were logged as failed", noErrno: true},
	"007_rd":                            {why: "defect 14: runs that had succeeded were logged as failed", noErrno: true},
	"154_mount_like_rename_root":        {why: "defect 26: commands failed in a directory that was gone", noErrno: true},
	"054_only_closeWrite":               {why: "defect 24: a moved directory is followed", may: []string{"e"}},
	"506_plugin_command_trailing_slash": {why: "the watch path is named as it is used; the plugin gets it as it is written", noOutput: true},
	"223_crontab_schedule_neg":          {why: "the interval of 600 minutes is named", noOutput: true},
	"224_crontab_schedule_text":         {why: "the interval of 600 minutes is named", noOutput: true},

	// Plugins.
	"500_plugin_command": {why: "defect 3: the path is one word", base: source, plugged: []string{
		"PLUG <@ROOT@/src/a.txt> cwd=@ROOT@/cwd", "PLUG <@ROOT@/src/d> cwd=@ROOT@/cwd",
		"PLUG <@ROOT@/src/d/b c.php> cwd=@ROOT@/cwd", "PLUG <@ROOT@/src/d/$x`touch pwned_9`;echo> cwd=@ROOT@/cwd",
	}},
	"501_plugin_command_debug_off": {why: "defect 3", plugged: []string{
		"PLUG <@ROOT@/src/a.txt> <suf> <fix> cwd=@ROOT@/cwd", "PLUG <@ROOT@/src/d> <suf> <fix> cwd=@ROOT@/cwd",
		"PLUG <@ROOT@/src/d/b c.php> <suf> <fix> cwd=@ROOT@/cwd",
	}},
	"510_m_command": {why: "defect 3", plugged: []string{
		"PLUG <@ROOT@/src/a.txt> cwd=@ROOT@/cwd", "PLUG <@ROOT@/src/d> cwd=@ROOT@/cwd",
		"PLUG <@ROOT@/src/d/b c.php> cwd=@ROOT@/cwd", "PLUG <@ROOT@/src/d/$x`touch pwned_9`;echo> cwd=@ROOT@/cwd",
	}},
	"507_plugin_command_after_failed_rsync": {why: "nothing can arrive", base: untouched},
	"524_plugin_socket_own_watch":           {why: "the plugin's own watch path does not replace what is mirrored", base: source, may: []string{"o.txt"}, tcpAny: true, noOutput: true},
	"524c_plugin_socket_with_r":             {why: "as 524", base: source, may: []string{"o"}, tcpAny: true, noOutput: true},
	"526_m_socket_path_over_2048":           {why: "defect 31", exit: running},
	"535b_refreshCDN_unknown_host":          {why: "a name that does not resolve crashed it", exit: running, errorLog: true},
}

// slow runs take more than a minute each. make soak runs them. In make test a test with a fake
// clock covers the same behaviour, if the text names one.
var slow = map[string]string{
	"800_crontab_1min":                   "crontab ticks: TestCrontab of test/cli",
	"801_crontab_1min_cfilter_debug_off": "crontabfilter in a scheduled run: TestCrontab of test/cli",
	"802_faillog_executed":               "timeToExecute: the fail queue's tests; that old content is never run: 318 here",
	"805_crontab_run_fails":              "a failed scheduled run: the outages of test/faults",
	"807_faillog_time0":                  "timeToExecute 0: the fail queue's tests",
	"808_r_then_crontab_two_remotes":     "crontab for every remote: as -r, 015d here",
}

// slowWant are the exceptions among the slow runs.
var slowWant = map[string]want{
	"801_crontab_1min_cfilter_debug_off": {why: filterRule, base: source},
	"802_faillog_executed":               {why: "defects 12, 17: the script is an output", noErrno: true, after: nothingExecuted},
	"805_crontab_run_fails":              {why: "nothing can arrive", base: untouched, noErrno: true},
	"807_faillog_time0":                  {why: "defect 12", noErrno: true, after: nothingExecuted},
}

// These are the numbers of recorded runs, so that a missing file is noticed.
const (
	fastRuns = 272
	slowRuns = 6
)
