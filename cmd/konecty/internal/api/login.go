package api

import (
	"context"
	"net/http"
	"regexp"
)

// Logins are the ways in which people log in to a server.
type Logins struct {
	Password bool `json:"passwordEnabled"`
	Email    bool `json:"emailOtpEnabled"`
	WhatsApp bool `json:"whatsAppOtpEnabled"`
}

// Who is to log in: by an e-mail address or a telephone number, never both.
type Who struct {
	Email string `json:"email,omitempty"`
	// Phone is in the form of E.164, such as +5511999999999.
	Phone string `json:"phoneNumber,omitempty"`
}

// Opened is a session that was opened.
type Opened struct {
	// Token is what requests are sent with. UserID is whose session it is; empty where the server does not say.
	Token, UserID string
}

// Logins asks how people log in.
func (c *Client) Logins(ctx context.Context) (Logins, error) {
	a, err := c.ask(ctx, http.MethodGet, "/api/auth/login-options", nil)
	if err != nil {
		return Logins{}, err
	}
	var body *Logins
	if decode(a.body, &body) != nil || body == nil || *body == (Logins{}) {
		return Logins{}, c.stranger(a)
	}
	return *body, nil
}

// RequestCode has a code sent to somebody, and gives the server's word for it.
func (c *Client) RequestCode(ctx context.Context, who Who) (said string, err error) {
	a, err := c.ask(ctx, http.MethodPost, "/api/auth/request-otp", who)
	if err != nil {
		return "", err
	}
	var body struct {
		Success bool
		Message string
	}
	if decode(a.body, &body) != nil || !body.Success {
		return "", c.stranger(a)
	}
	return Line(body.Message), nil
}

// Tokens and ids are written into files that shells and other programs read: nothing in them may mean anything there.
var (
	tokenForm = regexp.MustCompile(`^[A-Za-z0-9+/=_.-]{8,512}$`)
	idForm    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// VerifyCode opens a session with the code that somebody was sent.
func (c *Client) VerifyCode(ctx context.Context, who Who, code string) (Opened, error) {
	a, err := c.ask(ctx, http.MethodPost, "/api/auth/verify-otp", struct {
		Who
		Code string `json:"otpCode"`
	}{who, code})
	if err != nil {
		return Opened{}, err
	}
	var body struct {
		Success, Logged bool
		AuthID          string
		User            struct {
			ID string `json:"_id"`
		}
	}
	if decode(a.body, &body) != nil || !body.Success || !body.Logged || !tokenForm.MatchString(body.AuthID) {
		return Opened{}, c.stranger(a)
	}
	if !idForm.MatchString(body.User.ID) {
		body.User.ID = ""
	}
	return Opened{body.AuthID, body.User.ID}, nil
}
