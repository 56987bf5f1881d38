package envelope

import "net/http"

// mayBeSoft reports whether a 200 or 201 is one that may say `"success": false`.
func (w *Writer) mayBeSoft(h http.Header) bool {
	return w.opt.Method != http.MethodHead && w.opt.Method != http.MethodConnect && isJSON(mediaType(h))
}

// look holds a success back until it is known to be none of the backend's soft failures, or has been held long enough.
func (w *Writer) look(p []byte) (int, error) {
	verdict := w.held.scan(p)
	if verdict == softFailure {
		w.collect(w.held.status, w.under.Header())
		return w.Write(p)
	}
	if verdict == undecided && !w.held.expired() && w.held.add(p) {
		return len(p), w.lookAtHeld(false)
	}
	if err := w.release(); err != nil {
		return 0, err
	}
	return w.pour(p)
}

// lookAtHeld decides on an encoded success where what is held of it says enough.
func (w *Writer) lookAtHeld(atEnd bool) error {
	switch w.held.scanHeld(atEnd) {
	case softFailure:
		w.collect(w.held.status, w.under.Header())
	case notSoft:
		return w.release()
	}
	return nil
}

// release sends what was held of a success, which from then on streams.
func (w *Writer) release() error {
	defer w.stopHolding()
	w.pass(w.held.status)
	if len(w.held.body) == 0 {
		return nil
	}
	_, err := w.pour(w.held.body)
	return err
}
