package crm

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// hashed is how the server stores a token: hashed if it is 43 characters long, in small letters if 24, else as it is, for
// it takes that for hashed already.
func hashed(token string) string {
	switch len(token) {
	case 43:
		sum := sha256.Sum256([]byte(token))
		return base64.StdEncoding.EncodeToString(sum[:])
	case 24:
		return strings.ToLower(token)
	}
	return token
}

// owner is the user whose session a token is; nil if it is nobody's.
func (s *Server) owner(token string) record {
	for _, user := range s.store.all("User") {
		tokens, _ := valueAt(user, []string{"services", "resume", "loginTokens", "hashedToken"}).([]any)
		if slices.Contains(tokens, any(hashed(token))) {
			return user
		}
	}
	return nil
}

var (
	phoneNumberForm = regexp.MustCompile(`^\+[1-9]\d{1,14}$`)
	addressForm     = regexp.MustCompile(`^[^\s@]+@[^\s@]+\.[^\s@]+$`)
	codeForm        = regexp.MustCompile(`^\d{6}$`)
)

func (s *Server) loginOptions(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"passwordEnabled": true, "emailOtpEnabled": s.codes, "whatsAppOtpEnabled": s.codes})
}

// who finds the user whose e-mail or telephone a body names, or answers why not.
func (s *Server) who(w http.ResponseWriter, r *http.Request) (user record, who string, body map[string]any) {
	value, wrong := readJSON(w, r)
	if wrong != nil {
		refuse(w, wrong)
		return nil, "", nil
	}
	body, _ = value.(map[string]any)
	email, byEmail := body["email"].(string)
	phone, byPhone := body["phoneNumber"].(string)
	problem, status := "", http.StatusBadRequest
	switch {
	case byEmail == byPhone:
		problem = "Either phoneNumber or email must be provided (but not both)"
	case byPhone && !phoneNumberForm.MatchString(phone):
		problem = "Invalid phone number format. Must be in E.164 format (e.g., +5511999999999)"
	case byEmail && !addressForm.MatchString(email):
		problem = "Invalid email format"
	}
	if problem == "" {
		for _, u := range s.store.all("User") {
			phones, _ := u["phone"].([]any)
			mine := slices.ContainsFunc(phones, func(one any) bool {
				p, _ := one.(map[string]any)
				return byPhone && "+"+shown(p["countryCode"])+shown(p["phoneNumber"]) == phone
			})
			if mine || byEmail && equals(valueAt(u, []string{"emails", "address"}), email) {
				return u, email + phone, body
			}
		}
		problem, status = "Não foi possível enviar o código de verificação. Verifique seus dados de cadastro com o administrador.", http.StatusNotFound
	}
	writeJSON(w, status, failed(problem))
	return nil, "", nil
}

func (s *Server) requestOTP(w http.ResponseWriter, r *http.Request) {
	user, who, _ := s.who(w, r)
	if user == nil {
		return
	}
	const method = "email"
	s.mu.Lock()
	s.sent[who] = s.newCode()
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"success": true, "message": "OTP sent via " + method})
}

// newCode is a code of six digits.
func (s *Server) newCode() string {
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	for i := range random {
		random[i] = '0' + random[i]%10
	}
	return string(random)
}

// SentCode is the code that was sent to an e-mail address or a telephone number last and is not used yet: what its owner
// would read there.
func (s *Server) SentCode(who string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[who]
}

func (s *Server) verifyOTP(w http.ResponseWriter, r *http.Request) {
	user, who, body := s.who(w, r)
	if user == nil {
		return
	}
	code, _ := body["otpCode"].(string)
	s.mu.Lock()
	sent, waiting := s.sent[who]
	if waiting && sent == code {
		delete(s.sent, who)
	}
	s.mu.Unlock()
	switch {
	case !codeForm.MatchString(code):
		writeJSON(w, http.StatusBadRequest, failed("Invalid OTP code format. Must be 6 digits"))
	case !waiting:
		writeJSON(w, http.StatusBadRequest, failed("OTP not found or expired. Please request a new OTP."))
	case sent != code:
		writeJSON(w, http.StatusBadRequest, failed("Invalid OTP code"))
	default:
		token := hashed(newID() + newID() + newID()[:9])
		s.openSession(user, token)
		writeJSON(w, http.StatusOK, map[string]any{"success": true, "logged": true, "authId": token,
			"user": map[string]any{"_id": user["_id"], "name": user["name"], "login": user["username"]}})
	}
}

// openSession stores a session's token with its user, as the server does.
func (s *Server) openSession(user record, token string) {
	opened := clone(user).(map[string]any)
	services, _ := opened["services"].(map[string]any)
	if services == nil {
		services = map[string]any{}
		opened["services"] = services
	}
	tokens, _ := valueAt(services, []string{"resume", "loginTokens"}).([]any)
	services["resume"] = map[string]any{"loginTokens": append(tokens, map[string]any{"hashedToken": token, "when": s.now().UTC().Format(storedTime)})}
	s.store.replace("User", []record{opened}, nil)
}
