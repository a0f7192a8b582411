package wire

import (
	"context"
	"strconv"
	"strings"
)

// The media types in which a list is answered.
const (
	JSON   = "application/json"
	CSV    = "text/csv"
	NDJSON = "application/x-ndjson"
	XLSX   = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

type mediaKey struct{}

// WithMedia keeps the media type that was negotiated for a request's answer.
func WithMedia(ctx context.Context, media string) context.Context {
	return context.WithValue(ctx, mediaKey{}, media)
}

// Media returns the negotiated media type; empty where nothing was negotiated.
func Media(ctx context.Context) string {
	media, _ := ctx.Value(mediaKey{}).(string)
	return media
}

type sentKey struct{}

// WithSent keeps the media type of a request's body.
func WithSent(ctx context.Context, media string) context.Context {
	return context.WithValue(ctx, sentKey{}, media)
}

// Sent returns the media type of the request's body, without parameters; empty where the request has none
// or its operation is not marked x-stream.
func Sent(ctx context.Context) string {
	media, _ := ctx.Value(sentKey{}).(string)
	return media
}

// Negotiate picks what Accept prefers among the offers. The first offer answers a request that
// does not care, and one that wants what we do not have.
func Negotiate(accept []string, offers ...string) string {
	best, bestQuality := offers[0], 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, parameters, _ := strings.Cut(part, ";")
		quality := qualityOf(parameters)
		for _, offer := range offers {
			if quality > bestQuality && matches(strings.ToLower(strings.TrimSpace(media)), offer) {
				best, bestQuality = offer, quality
				break
			}
		}
	}
	return best
}

func qualityOf(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		if q, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			if v, err := strconv.ParseFloat(q, 64); err == nil {
				return v
			}
		}
	}
	return 1
}

func matches(wanted, offer string) bool {
	kind, _, _ := strings.Cut(offer, "/")
	return wanted == offer || wanted == "*/*" || wanted == kind+"/*"
}
