package attachment_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/waystation/waystation/internal/app/apptest"
)

// stored lists the files in the house's folder, with what else lies there.
func stored(t testing.TB, h *apptest.House) (names []string) {
	t.Helper()
	root := filepath.Join(h.App.Config.DataDir, "files")
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
