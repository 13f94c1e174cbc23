// A service with one of Go's routers: `service ROUTER`. See ../node/service.mjs for TABLES.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

type route struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Path   string `json:"path"`
}

type table struct {
	Port   int     `json:"port"`
	Routes []route `json:"routes"`
}

func (r route) methods() []string {
	switch r.Method {
	case "*":
		return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	case "GET":
		return []string{"GET", "HEAD"}
	}
	return []string{r.Method}
}

// The paths of a route in the router's own syntax: a last `*` is the path itself and all below it.
func (r route) paths(rest string) []string {
	base, found := strings.CutSuffix(r.Path, "/*")
	if !found {
		return []string{r.Path}
	}
	if base == "" {
		return []string{"/" + rest}
	}
	return []string{base, base + "/" + rest}
}

func handler(id int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		headers := map[string]string{}
		for name, values := range r.Header {
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Handler", strconv.Itoa(id))
		_ = json.NewEncoder(w).Encode(map[string]any{"handler": id, "method": r.Method, "headers": headers})
	}
}

func mux(routes []route) http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		for _, path := range r.paths("{rest...}") {
			for _, method := range r.methods() {
				// GET is HEAD too.
				if method != "HEAD" {
					mux.HandleFunc(method+" "+path, handler(r.ID))
				}
			}
		}
	}
	return mux
}

func withChi(routes []route, lenient bool) http.Handler {
	router := chi.NewRouter()
	if lenient {
		router.Use(middleware.CleanPath, middleware.StripSlashes, middleware.URLFormat)
	}
	for _, r := range routes {
		for _, path := range r.paths("*") {
			for _, method := range r.methods() {
				router.Method(method, path, handler(r.ID))
			}
		}
	}
	return router
}

func main() {
	var tables []table
	if err := json.Unmarshal([]byte(os.Getenv("TABLES")), &tables); err != nil {
		log.Fatal(err)
	}
	for _, t := range tables {
		var served http.Handler
		switch os.Args[1] {
		case "servemux":
			served = mux(t.Routes)
		case "chi":
			served = withChi(t.Routes, false)
		case "chi, lenient":
			served = withChi(t.Routes, true)
		default:
			log.Fatal("no router ", os.Args[1])
		}
		go func() { log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", t.Port), served)) }()
	}
	select {}
}
