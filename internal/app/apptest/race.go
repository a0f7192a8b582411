package apptest

import (
	"slices"
	"sync"
)

// AtOnce makes n calls at the same time and returns the statuses that they answer, the least first.
func AtOnce(n int, call func(i int) *Response) []int {
	statuses := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { statuses[i] = call(i).Status })
	}
	wg.Wait()
	slices.Sort(statuses)
	return statuses
}
