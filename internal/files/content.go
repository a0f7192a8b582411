package files

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/sio"
	"gocloud.dev/blob"
)

// What a file is encrypted in: packets of 64 KiB, each with its header and tag (DARE 2.0).
const (
	packet   = 64 << 10
	overhead = 32
)

// Open reads a kept file, from any place in it. The bytes of a packet are checked before they are
// answered: a file that was changed or cut where it lies fails to read.
func (s *Store) Open(ctx context.Context, f *File) (io.ReadSeekCloser, error) {
	key, err := s.openKey(f)
	if err != nil {
		return nil, err
	}
	c := &content{ctx: ctx, bucket: s.bucket, name: name(f.CentreID.UUID(), f.ID), key: key, size: f.Size}
	return c, c.begin() // now, so that a missing file fails before anything is answered
}

// content is a file while it is read.
type content struct {
	ctx    context.Context
	bucket *blob.Bucket
	name   string
	key    []byte
	size   int64

	at    int64
	raw   *blob.Reader
	plain io.Reader
}

// begin opens the packet in which the present place lies.
func (c *content) begin() error {
	number := c.at / packet
	raw, err := c.bucket.NewRangeReader(c.ctx, c.name, number*(packet+overhead), -1, nil)
	if err != nil {
		return fmt.Errorf("files: %s: %w", c.name, err)
	}
	plain, err := sio.DecryptReader(raw, dare(c.key, uint32(number)))
	if err == nil {
		_, err = io.CopyN(io.Discard, plain, c.at%packet)
	}
	if err != nil {
		return errors.Join(err, raw.Close())
	}
	c.raw, c.plain = raw, plain
	return nil
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	if c.plain == nil {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	n, err := c.plain.Read(p)
	c.at += int64(n)
	if errors.Is(err, io.EOF) && c.at < c.size {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Seek implements io.Seeker.
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("files: before the beginning")
	}
	if offset == c.at {
		return offset, nil
	}
	err := c.Close()
	c.at = offset
	return offset, err
}

// Close implements io.Closer.
func (c *content) Close() error {
	if c.raw == nil {
		return nil
	}
	err := c.raw.Close()
	c.raw, c.plain = nil, nil
	return err
}
