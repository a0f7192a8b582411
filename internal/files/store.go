// Package files keeps the bytes of what is uploaded: encrypted, in a folder or an S3-compatible
// bucket, under a ledger in the database.
//
// A file is entered in the ledger as pending before its first byte is written (Reserve), and kept
// in the transaction that stores what refers to it (Keep). A process that dies in between leaves a
// pending entry, which a tick drops with whatever was written. Content is deleted by a job, after
// the commit that dropped it (Drop).
package files

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/minio/sio"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // s3://
	"gocloud.dev/gcerrors"
)

// Vault seals the keys of files; see auth.Vault.
type Vault interface {
	Seal(secret, context string) string
	Open(text, context string) (string, error)
}

// WriteWithin is how long a file may take to arrive. The tick that drops what stayed pending waits
// for longer, so that nothing is written after it has looked.
const (
	WriteWithin = time.Hour
	pendingFor  = 3 * time.Hour
)

// Store is where content lies. It is safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	vault  Vault
}

// OpenStore opens the bucket of a URL: file:///folder, which is made where there is none, or
// s3://bucket with the parameters of gocloud.dev/blob/s3blob (region, endpoint, ssetype …). It does
// not ask the bucket anything yet.
func OpenStore(ctx context.Context, address string, vault Vault) (*Store, error) {
	bucket, err := openBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	return &Store{bucket, vault}, nil
}

func openBucket(ctx context.Context, address string) (*blob.Bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != fileblob.Scheme {
		return blob.OpenBucket(ctx, address)
	}
	return fileblob.OpenBucket(u.Path, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
}

// Close ends the use of the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

// name is where a file lies in the bucket.
func name(centre, id uuid.UUID) string { return centre.String() + "/" + id.String() }

// newKey makes the key of one file, and its form for the ledger.
func (s *Store) newKey(id uuid.UUID) (key []byte, sealed string) {
	key = make([]byte, 32)
	rand.Read(key) // never fails
	return key, s.vault.Seal(base64.StdEncoding.EncodeToString(key), id.String())
}

func (s *Store) openKey(f *File) ([]byte, error) {
	text, err := s.vault.Open(f.SealedKey, f.ID.String())
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

func dare(key []byte, packet uint32) sio.Config {
	return sio.Config{Key: key, MinVersion: sio.Version20, SequenceNumber: packet}
}

// partSize is what is held in memory of a file on its way to S3, whose parts are at least this large.
const partSize = 5 << 20

// ErrContent says that it was the content's reader that failed, and not the store.
var ErrContent = errors.New("files: the content cannot be read")

// Write encrypts content into a reserved file and counts its bytes. A reader (ErrContent) or a context
// that fails leaves nothing behind.
func (s *Store) Write(ctx context.Context, f *File, content io.Reader) error {
	key, err := s.openKey(f)
	if err != nil {
		return err
	}
	counted := &source{Reader: content}
	encrypted, err := sio.EncryptReader(counted, dare(key, 0))
	if err != nil {
		return err
	}
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	w, err := s.bucket.NewWriter(ctx, name(f.CentreID.UUID(), f.ID), &blob.WriterOptions{
		ContentType: "application/octet-stream", BufferSize: partSize, MaxConcurrency: 1, BeforeWrite: ownersAlone,
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, encrypted)
	if counted.failed != nil { // asked for: the encryption takes a body that was cut off for a whole one
		err = errors.Join(ErrContent, counted.failed)
	}
	if err != nil {
		abort() // before Close, which would keep what has arrived
		_ = w.Close()
		return err
	}
	f.Size = counted.n
	return w.Close()
}

// ownersAlone takes a local file away from everybody but the server's own user.
func ownersAlone(as func(any) bool) error {
	var local *os.File
	if !as(&local) {
		return nil
	}
	return local.Chmod(0o600)
}

// source counts the bytes of a reader and remembers how it failed.
type source struct {
	io.Reader
	n      int64
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.failed = err
	}
	return n, err
}

// erase deletes a file and what an interrupted write left beside it. What is gone already is no error.
func (s *Store) erase(ctx context.Context, centre, id uuid.UUID) error {
	left := s.bucket.List(&blob.ListOptions{Prefix: name(centre, id)})
	for {
		object, err := left.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !strings.HasPrefix(object.Key, name(centre, id)) {
			continue
		}
		if err := s.bucket.Delete(ctx, object.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return err
		}
	}
}
