package reception

// ListQueue is the statement behind the queue, for the test of what it reads.
var ListQueue = listQueue
