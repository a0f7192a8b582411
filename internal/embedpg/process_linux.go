package embedpg

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// endWithParent makes the kernel ask the child for a fast shutdown when we die, however we die.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// commandLine returns the arguments of a process, or none if there is no such process.
func commandLine(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\x00")
}
