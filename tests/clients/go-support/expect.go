package support

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
)

// NoOnes is an id that nothing has.
const NoOnes = "00000000-0000-0000-0000-000000000007"

// MostPolls is more than any build here needs: one that stands still fails the flow instead of hanging it.
const MostPolls = 30

var id = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// Check fails unless both are equal.
func Check(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		Fail("expected %#v, found %#v", expected, found)
	}
}

// IsID fails unless it is the id of something.
func IsID(text string) {
	if !id.MatchString(text) {
		Fail("no id: %q", text)
	}
}

// Names are what `name` says of each.
func Names[T any, N any](all []T, name func(T) N) []N {
	names := []N{}
	for _, one := range all {
		names = append(names, name(one))
	}
	return names
}

// Last is the last of several.
func Last[T any](all []T) T { return all[len(all)-1] }

// Refusal is the body of an error, with what the client does not decode.
type Refusal struct {
	Errors []struct {
		Field string `json:"field"`
		Code  string `json:"code"`
	} `json:"errors"`
	Scope   string `json:"scope"`
	Limit   int    `json:"limit"`
	Current int    `json:"current"`
	Reset   int    `json:"reset"`
}

// Fields are those it complains of.
func (r Refusal) Fields() []string {
	all := []string{}
	for _, entry := range r.Errors {
		all = append(all, entry.Field)
	}
	return all
}

// Refused reads the body of an error.
func Refused(body []byte) Refusal {
	refusal := Refusal{}
	Must(json.Unmarshal(body, &refusal))
	return refusal
}

// Must fails if there is an error.
func Must(err error) {
	if err != nil {
		Fail("%v", err)
	}
}

// Fail ends the flow, and says where it was.
func Fail(format string, details ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", details...)
	for skip := 1; ; skip++ {
		pc, file, line, ok := runtime.Caller(skip)
		if !ok {
			break
		}
		fmt.Fprintf(os.Stderr, "  %s %s:%d\n", runtime.FuncForPC(pc).Name(), file, line)
	}
	os.Exit(1)
}
