package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/files/s3test"
	"github.com/waystation/waystation/internal/tenant"
)

// open is a vault that seals nothing; the real one is tested with its keys.
type open struct{}

func (open) Seal(secret, context string) string { return context + secret }
func (open) Open(text, context string) (string, error) {
	secret, ok := strings.CutPrefix(text, context)
	if !ok {
		return "", errors.New("of another file")
	}
	return secret, nil
}

// kinds opens a store of each kind.
func kinds(t *testing.T, test func(t *testing.T, s *Store)) {
	for name, address := range map[string]func(testing.TB) string{
		"local": func(t testing.TB) string { return "file://" + filepath.Join(t.TempDir(), "files") }, "s3": s3test.Bucket,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := OpenStore(t.Context(), address(t), open{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			test(t, s)
		})
	}
}

func (s *Store) entry() *File {
	f := &File{Record: db.NewRecord(nil), State: Pending}
	f.CentreID = tenant.ID(uuid.New())
	_, f.SealedKey = s.newKey(f.ID)
	return f
}

func noise(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(out)
	return out
}

func TestStore_ReadsFromAnyPlaceWhatWasWritten(t *testing.T) {
	kinds(t, func(t *testing.T, s *Store) {
		for _, size := range []int{1, packet - 1, packet, packet + 1, 7<<20 + 3} {
			f, content := s.entry(), noise(size)
			if err := s.Write(t.Context(), f, bytes.NewReader(content)); err != nil || f.Size != int64(size) {
				t.Fatalf("%d bytes: wrote %d, %v", size, f.Size, err)
			}
			r, err := s.Open(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []int{0, size / 2, size - 1, max(0, size-packet-7), 0} {
				if _, err := r.Seek(int64(at), io.SeekStart); err != nil {
					t.Fatal(err)
				}
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content[at:]) {
					t.Errorf("%d bytes from %d: %d other bytes, %v", size, at, len(got), err)
				}
			}
			if end, err := r.Seek(0, io.SeekEnd); err != nil || end != int64(size) {
				t.Errorf("ends at %d, %v", end, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestStore_KeepsNothingReadable(t *testing.T) {
	kinds(t, func(t *testing.T, s *Store) {
		f := s.entry()
		if err := s.Write(t.Context(), f, strings.NewReader(strings.Repeat("passport of Aïssatou ", 100))); err != nil {
			t.Fatal(err)
		}
		raw, err := s.bucket.ReadAll(t.Context(), name(f.CentreID.UUID(), f.ID))
		if err != nil || bytes.Contains(raw, []byte("passport")) {
			t.Errorf("%d bytes lie readable: %v", len(raw), err)
		}
		other := *f
		other.SealedKey = s.entry().SealedKey
		if _, err := s.Open(t.Context(), &other); err == nil {
			t.Error("the key of another file is taken")
		}
	})
}

func TestStore_NoticesWhatWasChangedOrCut(t *testing.T) {
	kinds(t, func(t *testing.T, s *Store) {
		f, content := s.entry(), noise(3*packet)
		if err := s.Write(t.Context(), f, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		at := name(f.CentreID.UUID(), f.ID)
		raw, err := s.bucket.ReadAll(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(raw)
		changed[len(changed)/2] ^= 1
		for what, bad := range map[string][]byte{"changed": changed, "cut": raw[:2*(packet+overhead)], "cut in a packet": raw[:len(raw)-5]} {
			if err := s.bucket.WriteAll(t.Context(), at, bad, nil); err != nil {
				t.Fatal(err)
			}
			r, err := s.Open(t.Context(), f)
			if err != nil {
				continue // noticed at once
			}
			if got, err := io.ReadAll(r); err == nil {
				t.Errorf("%s: %d bytes are taken for the file", what, len(got))
			}
			_ = r.Close()
		}
	})
}

// broken is a body that ends before it is whole.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestStore_AWriteThatFailsLeavesNothing(t *testing.T) {
	kinds(t, func(t *testing.T, s *Store) {
		if err := s.Write(t.Context(), s.entry(), broken{bytes.NewReader(noise(6 << 20))}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a body that was cut off: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Write(ctx, s.entry(), bytes.NewReader(noise(1000))); err == nil {
			t.Error("a write outlives its context")
		}
		if object, err := s.bucket.List(nil).Next(t.Context()); err != io.EOF {
			t.Errorf("%v is left, %v", object, err)
		}
	})
}

func TestStore_ErasesAlsoWhatAnInterruptedWriteLeft(t *testing.T) {
	kinds(t, func(t *testing.T, s *Store) {
		f, neighbour := s.entry(), s.entry()
		neighbour.CentreID = f.CentreID
		for _, one := range []*File{f, neighbour} {
			if err := s.Write(t.Context(), one, bytes.NewReader(noise(10))); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.bucket.WriteAll(t.Context(), name(f.CentreID.UUID(), f.ID)+".17c0ffee.tmp", noise(10), nil); err != nil {
			t.Fatal(err)
		}
		for range 2 { // what is gone already is no error
			if err := s.erase(t.Context(), f.CentreID.UUID(), f.ID); err != nil {
				t.Fatal(err)
			}
		}
		left := s.bucket.List(nil)
		if object, err := left.Next(t.Context()); err != nil || object.Key != name(neighbour.CentreID.UUID(), neighbour.ID) {
			t.Errorf("%v, %v", object, err)
		}
		if object, err := left.Next(t.Context()); err != io.EOF {
			t.Errorf("%v is left, %v", object, err)
		}
		if _, err := s.Open(t.Context(), f); err == nil {
			t.Error("an erased file opens")
		}
	})
}

func TestStore_LocalFilesAreTheServersAlone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "files")
	s, err := OpenStore(t.Context(), "file://"+root, open{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), s.entry(), bytes.NewReader(noise(10))); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
