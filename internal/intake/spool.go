package intake

import (
	"crypto/rand"
	"errors"
	"io"
	"os"

	"github.com/minio/sio"
)

// spool keeps what is being uploaded off the heap: in a file without a name, encrypted under a key that this
// process alone knows and forgets. Of a process that is killed nothing stays that anybody could read.
type spool struct {
	file *os.File
	key  sio.Config
	in   io.WriteCloser // nil once it was read from
	size int64          // bytes written
}

func newSpool() (*spool, error) {
	file, err := os.CreateTemp("", "waystation-*") // mode 0600
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails
	s := &spool{file: file, key: sio.Config{Key: key, MinVersion: sio.Version20}}
	s.in, err = sio.EncryptWriter(struct{ io.Writer }{file}, s.key) // which would close the file too
	if err = errors.Join(err, os.Remove(file.Name())); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// Write implements io.Writer. Nothing can be written once the spool was read from.
func (s *spool) Write(p []byte) (int, error) {
	n, err := s.in.Write(p)
	s.size += int64(n)
	return n, err
}

// reader gives what was written, from the beginning and at any place.
func (s *spool) reader() (*io.SectionReader, error) {
	if s.in != nil {
		if err := s.in.Close(); err != nil { // writes what is left
			return nil, err
		}
		s.in = nil
	}
	plain, err := sio.DecryptReaderAt(s.file, s.key)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(plain, 0, s.size), nil
}

// Close lets the content go for good.
func (s *spool) Close() error { return s.file.Close() }
