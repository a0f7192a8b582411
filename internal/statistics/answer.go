package statistics

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/waystation/waystation/api"
	"github.com/waystation/waystation/internal/formula"
	"github.com/waystation/waystation/internal/wire"
)

// answer is what a query gets: rows of one code per dimension and a count.
type answer struct {
	dimensions []string
	from       Month
	rows       []row
	meta       api.CubeDataMeta
}

type row struct {
	codes      []string
	value      int64
	suppressed bool // one flag for all reasons: which cell is small must not show
}

func metaOf(q query, p Profile) api.CubeDataMeta {
	return api.CubeDataMeta{
		Cube: q.cube.Code, Version: q.cube.Version, Audience: api.CubeDataMetaAudience(p.Audience), Profile: toProfile(p),
		Publications: []api.CubeSource{},
	}
}

// rendered is an answer as it is sent. Its tag is that of its content: it stays as long as the figures do.
type rendered struct {
	body      []byte
	mediaType string
	tag       string
}

// VisitGetCubeDataResponse implements api.GetCubeDataResponseObject.
func (r rendered) VisitGetCubeDataResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", r.mediaType)
	w.Header().Set("ETag", r.tag)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(r.body)
	return err
}

func (a answer) render(asCSV bool) (r rendered, err error) {
	if asCSV {
		r.mediaType = wire.CSV + "; charset=utf-8"
		r.body, err = a.csv()
	} else {
		r.mediaType = wire.JSON
		r.body, err = a.json()
	}
	sum := sha256.Sum256(r.body)
	r.tag = `"` + hex.EncodeToString(sum[:12]) + `"`
	return r, err
}

// json writes the shape of api.CubeData, without its pointers: rows may be many.
func (a answer) json() ([]byte, error) {
	out := append(make([]byte, 0, 1024+96*len(a.rows)), `{"data":[`...)
	for i, r := range a.rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		for d, name := range a.dimensions {
			code, err := json.Marshal(r.codes[d])
			if err != nil {
				return nil, err
			}
			out = append(append(append(append(append(out, '"'), name...), `":`...), code...), ',')
		}
		if r.suppressed {
			out = append(out, `"status":"suppressed"}`...)
		} else {
			out = append(strconv.AppendInt(append(out, `"value":`...), r.value, 10), '}')
		}
	}
	meta, err := json.Marshal(a.meta)
	return append(append(append(out, `],"meta":`...), meta...), "}\n"...), err
}

func (a answer) csv() ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	_ = w.Write(append(append([]string(nil), a.dimensions...), "value", "status")) // a failure stays in w
	for _, r := range a.rows {
		line := make([]string, 0, len(r.codes)+2)
		for _, code := range r.codes {
			line = append(line, formula.SafeCell(code))
		}
		if r.suppressed {
			line = append(line, "", "suppressed")
		} else {
			line = append(line, strconv.FormatInt(r.value, 10), "")
		}
		_ = w.Write(line)
	}
	w.Flush()
	return out.Bytes(), w.Error()
}
