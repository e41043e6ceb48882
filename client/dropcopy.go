package client

import (
	"fmt"
	"strings"

	"matcher/wire/ouch"
)

// dropUserSize is the size of the user name before each message of a drop copy.
const dropUserSize = 6

// SplitDrop parts a message of a drop copy: whose it is, and the OUCH message as its owner has it. The error is
// ouch.ErrLength.
func SplitDrop(payload []byte) (user string, message []byte, err error) {
	if len(payload) <= dropUserSize {
		return "", nil, fmt.Errorf("client: drop copy: %w", ouch.ErrLength)
	}
	return strings.TrimRight(string(payload[:dropUserSize]), " "), payload[dropUserSize:], nil
}
