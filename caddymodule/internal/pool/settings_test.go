package pool

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheNewestSettingsHold(t *testing.T) {
	t.Parallel()
	var inForce string
	s := NewSettings(func(text string) error {
		inForce = text
		if text == "bad" {
			return errors.New("refused")
		}
		return nil
	})
	leaveFirst, err := s.Enter("first")
	require.NoError(t, err)
	leaveSecond, err := s.Enter("second")
	require.NoError(t, err)
	require.Equal(t, "second", inForce)
	leaveSecond()
	require.Equal(t, "first", inForce, "a load that failed leaves what held before")
	leaveSecond()

	leaveBad, err := s.Enter("bad")
	require.Error(t, err)
	leaveBad()
	require.Equal(t, "first", inForce)

	_, err = s.Enter("third")
	require.NoError(t, err)
	leaveFirst()
	require.Equal(t, "third", inForce, "the end of an older configuration changes nothing")
}
