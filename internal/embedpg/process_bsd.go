//go:build darwin || freebsd

package embedpg

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// endWithParent does nothing here: the next start ends a server that outlived its parent.
func endWithParent(*syscall.SysProcAttr) {}

// commandLine returns the arguments of a process, or none if there is no such process. A
// folder whose name has spaces comes back in pieces; the caller then takes the process for a stranger.
func commandLine(pid int) []string {
	text, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}
