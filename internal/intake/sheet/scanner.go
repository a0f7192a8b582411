package sheet

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// scanner splits text into records. encoding/csv would hold a cell of any length
// in memory (one stray quote swallows the file) and knows no fault of a single
// cell; here a fault is noted and the next row is read.
type scanner struct {
	in        *bufio.Reader
	delimiter rune
	maxCell   int
	line      int
	ended     bool // the last record ended with the file, not with a line end
}

type ending int

const (
	cellEnd ending = iota
	rowEnd
	fileEnd
)

// record reads one row; io.EOF when there is none.
func (s *scanner) record() (Record, error) {
	if _, err := s.in.Peek(1); err != nil {
		return Record{}, err
	}
	rec := Record{Line: s.line}
	for {
		c := cell{max: s.maxCell}
		end, err := s.cell(&c)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return Record{}, &ReadError{Code: TruncatedFile, Line: rec.Line}
		}
		if err != nil {
			return Record{}, err
		}
		rec.add(c)
		if end != cellEnd {
			s.ended = end == fileEnd
			return rec, nil
		}
	}
}

func (r *Record) add(c cell) {
	if len(r.Cells) >= maxColumns {
		return
	}
	if c.problem == "" {
		r.Cells = append(r.Cells, c.text.String())
		return
	}
	r.Problems = append(r.Problems, Problem{Cell: len(r.Cells), Code: c.problem, Limit: c.max})
	r.Cells = append(r.Cells, "")
}

// cell reads to the next delimiter, line end or end of file that is not quoted.
func (s *scanner) cell(c *cell) (ending, error) {
	r, err := s.rune(c)
	if err == nil && r == '"' {
		return s.quoted(c)
	}
	return s.rest(c, r, err)
}

// rest reads an unquoted cell whose first character is at hand.
func (s *scanner) rest(c *cell, r rune, err error) (ending, error) {
	for ; ; r, err = s.rune(c) {
		switch {
		case errors.Is(err, io.EOF):
			return fileEnd, nil
		case err != nil:
			return fileEnd, err
		case r == s.delimiter:
			return cellEnd, nil
		case r == '\n':
			return rowEnd, nil
		}
		c.write(r)
	}
}

// quoted reads behind an opening quote; two quotes are one.
func (s *scanner) quoted(c *cell) (ending, error) {
	for {
		r, err := s.rune(c)
		if errors.Is(err, io.EOF) {
			return fileEnd, io.ErrUnexpectedEOF
		}
		if err != nil {
			return fileEnd, err
		}
		if r != '"' {
			c.write(r)
			continue
		}
		if r, err = s.rune(c); err == nil && r == '"' {
			c.write(r)
			continue
		}
		if err == nil && r != s.delimiter && r != '\n' && r != ' ' {
			c.flag(BadQuote)
		}
		return s.rest(c, r, err)
	}
}

// rune reads one character, with every line ending as \n, and notes bytes that
// are not text in the cell.
func (s *scanner) rune(c *cell) (rune, error) {
	r, _, err := s.in.ReadRune()
	if err != nil {
		return 0, err
	}
	if r == '\r' {
		if next, err := s.in.Peek(1); err == nil && next[0] == '\n' {
			s.in.Discard(1) // the byte is in the buffer
		}
		r = '\n'
	}
	switch r {
	case '\n':
		s.line++
	case utf8.RuneError:
		c.flag(InvalidEncoding)
	case 0:
		c.flag(NULByte)
	}
	return r, nil
}

// cell collects a text up to a limit, or the first fault.
type cell struct {
	text    strings.Builder
	max     int
	problem Code
}

func (c *cell) write(r rune) {
	if c.problem != "" {
		return
	}
	if c.text.Len()+utf8.RuneLen(r) > c.max {
		c.flag(CellTooLong)
		return
	}
	c.text.WriteRune(r)
}

func (c *cell) flag(code Code) {
	if c.problem == "" {
		c.problem = code
		c.text.Reset()
	}
}
