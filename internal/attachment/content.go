package attachment

import (
	"context"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/waystation/waystation/internal/db"
	"github.com/waystation/waystation/internal/fault"
	"github.com/waystation/waystation/internal/files"
	"github.com/waystation/waystation/internal/wire"
)

// purpose is what of an attachment is opened.
type purpose string

const (
	forContent   purpose = "content"
	forThumbnail purpose = "thumbnail"
)

// file tells which file serves a purpose: 404 for the thumbnail of what has none, 410 for what is
// not shown any more.
func (a *Attachment) file(p purpose) (uuid.UUID, error) {
	if err := a.readable(); err != nil {
		return uuid.Nil, err
	}
	if p == forContent {
		return *a.FileID, nil
	}
	if a.ThumbnailID == nil {
		return uuid.Nil, fault.Missing()
	}
	return *a.ThumbnailID, nil
}

// conditions are what a download may ask for: a part, or nothing where it is known already.
type conditions struct{ part, ifRange, ifNoneMatch *string }

func (c conditions) request() *http.Request {
	h := http.Header{}
	for name, value := range map[string]*string{"Range": c.part, "If-Range": c.ifRange, "If-None-Match": c.ifNoneMatch} {
		if value != nil {
			h.Set(name, *value)
		}
	}
	return &http.Request{Method: http.MethodGet, Header: h}
}

// download is the bytes of an attachment on their way out.
type download struct {
	body      io.ReadSeekCloser
	mediaType string
	name      string
	tag       string
	asked     conditions
}

// open finds an attachment, in a transaction that leaves the line of its reading, and opens it.
func (s *Service) open(ctx context.Context, in transaction, p purpose, asked conditions, find func(context.Context) (*Attachment, error)) (*download, error) {
	var a *Attachment
	var file *files.File
	err := in(ctx, func(ctx context.Context) error {
		var err error
		if a, err = find(ctx); err != nil {
			return err
		}
		id, err := a.file(p)
		if err != nil {
			return err
		}
		file, err = db.Get[files.File](ctx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	body, err := s.Files.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	d := &download{body: body, mediaType: a.MediaType, name: a.FileName, tag: `"` + hex.EncodeToString(a.SHA256) + `"`, asked: asked}
	if p == forThumbnail {
		d.mediaType, d.name, d.tag = jpegType, "thumbnail-"+strings.TrimSuffix(a.FileName, path.Ext(a.FileName))+".jpg", `"`+file.ID.String()+`"`
	}
	return d, nil
}

// stall is how long a receiver may take for the next piece.
const stall = 30 * time.Second

// serve writes the content, or the part of it that was asked for. A browser saves it and runs
// nothing of it.
func (d *download) serve(w http.ResponseWriter) error {
	defer d.body.Close()
	h := w.Header()
	h.Set("Content-Type", d.mediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("ETag", d.tag)
	http.ServeContent(wire.Patient(w, stall), d.asked.request(), "", time.Time{}, d.body)
	return nil
}

// VisitDownloadAttachmentResponse implements api.DownloadAttachmentResponseObject.
func (d *download) VisitDownloadAttachmentResponse(w http.ResponseWriter) error { return d.serve(w) }

// VisitDownloadCaseAttachmentResponse implements api.DownloadCaseAttachmentResponseObject.
func (d *download) VisitDownloadCaseAttachmentResponse(w http.ResponseWriter) error {
	return d.serve(w)
}

// VisitGetAttachmentThumbnailResponse implements api.GetAttachmentThumbnailResponseObject.
func (d *download) VisitGetAttachmentThumbnailResponse(w http.ResponseWriter) error {
	return d.serve(w)
}

// VisitGetCaseAttachmentThumbnailResponse implements api.GetCaseAttachmentThumbnailResponseObject.
func (d *download) VisitGetCaseAttachmentThumbnailResponse(w http.ResponseWriter) error {
	return d.serve(w)
}

// VisitFollowAttachmentLinkResponse implements api.FollowAttachmentLinkResponseObject.
func (d *download) VisitFollowAttachmentLinkResponse(w http.ResponseWriter) error {
	return d.serve(w)
}
