//go:build tools

// Package tools names the program built from this module, so that `go mod tidy` keeps what it needs.
package tools

import _ "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics"
