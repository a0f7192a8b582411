// Package audit reads and seals the trail; the trail itself is written by the database in the request's transaction.
package audit
