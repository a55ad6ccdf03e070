// Package confxml turns the bytes of a confxml.xml into one typed Config.
//
// It reads as tolerantly as sersync 2.5.4 did: names in any case, quotes
// optional, notes between the elements, and bytes taken as they are whatever
// encoding the file declares. What 2.5.4 refused as XML is a *ParseError (exit
// 255); what it crashed on, a missing element or attribute, takes the default
// of the shipped file and is listed in Config.Warnings.
//
// A caller first calls Load, which reads at most 1 MiB and parses it, and then Config.Problems,
// which adds what ValidateSync and CheckHost find to the problems of the reader. For a plugin that
// runs alone (-m) Problems is not called, because a plugin needs neither a localpath nor a remote.
// Fatal makes an error of the problems that must keep a sync from starting, and ExitCode tells its
// exit status.
//
// One table (definitions) names every element and attribute with its default
// and meaning. The reader takes its defaults from there, the warning about
// unknown names comes from there, and so does the text of Reference.
//
// The package starts nothing, logs nothing and writes nothing; its functions
// may be called from any goroutine. Filter expressions are kept as text with
// their line: compiling them is the work of the filter queue.
package confxml
