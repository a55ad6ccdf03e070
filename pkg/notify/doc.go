// Package notify tells a person about trouble: a lane's level has changed and stays so,
// the brake holds, a verification has found differences.
//
// A Judge holds the rules. It is pure: it is given snapshots and says what is to be told. A
// Receiver brings one message to one place: a web address or a command. A Notifier stands
// between the two, with a queue that outlives the process: a message leaves it when the
// receiver has it. A receiver may get a message twice, with the same ID.
//
// Nothing here is in the way of a sync: a Notifier only reads snapshots.
package notify
