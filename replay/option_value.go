package replay

import (
	"bytes"
	"strconv"

	"matcher/engine"
)

// cut parts a token at its first '='.
func cut(token []byte) (word, value []byte, found bool) { return bytes.Cut(token, []byte{'='}) }

// read makes the integer of a value as it is written.
func (f form) read(text []byte, width uint8) (uint64, bool) {
	if f == letters {
		var field [8]byte
		if len(text) > int(width) || !alpha(field[:], text) {
			return 0, false
		}
		v := uint64(0)
		for _, c := range field[:width] {
			v = v<<8 | uint64(c)
		}
		return v, true
	}
	digits, negative := bytes.CutPrefix(text, []byte{'-'})
	var v uint64
	if negative && f != signed || !number(&v, digits) {
		return 0, false
	}
	most := uint64(1)<<(8*width-1)<<1 - 1 // of the width; all ones at 8
	if f == signed {
		most >>= 1
	}
	switch {
	case negative && v <= most+1:
		return -v & (most<<1 | 1), true
	case negative || v > most:
		return 0, false
	}
	return v, true
}

// append writes a value as read takes it.
func (f form) append(dst []byte, v uint64, width uint8) []byte {
	shift := 64 - 8*width
	switch f {
	case signed:
		return strconv.AppendInt(dst, int64(v<<shift)>>shift, 10)
	case letters:
		var field [8]byte
		for i := range field[:width] {
			field[i] = byte(v >> (8 * (int(width) - 1 - i)))
		}
		return append(dst, trim(field[:width])...)
	}
	return strconv.AppendUint(dst, v, 10)
}

// expected says in words what read takes.
func (f form) expected(word string, width uint8) string {
	bits := strconv.Itoa(8 * int(width))
	switch {
	case f == letters && width == 1:
		return word + "= and one letter"
	case f == letters:
		return word + "= and 1 to " + strconv.Itoa(int(width)) + " printable characters"
	case f == signed:
		return word + "= and an integer of " + bits + " bits, with sign"
	}
	return word + "= and an integer of " + bits + " bits"
}

// option carries one option into a command. Values that the engine does not trade are kept as their Present bit alone,
// as in the journal.
func (l *Line) option(cmd *engine.Command, o Option, firm [4]byte) {
	x := &cmd.Ext
	switch v := o.Value; o.Tag {
	case 2:
		x.Firm = [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
		if x.Firm == firm {
			x.Firm = [4]byte{}
			cmd.Flags |= engine.FlagFirm
			return
		}
		x.Present |= engine.Tag2Firm
	case 3:
		if l.Verb == Enter {
			cmd.Flags |= engine.FlagMinQty
			cmd.Enter().MinQty = uint32(v)
			return
		}
		x.Present, x.MinQty = x.Present|engine.Tag3MinQty, uint32(v)
	case 4:
		if l.Verb == Enter {
			cmd.Enter().Customer = uint8(v)
			return
		}
		cmd.Replace().Customer = uint8(v)
	case 134:
		if l.Verb == Enter {
			cmd.Enter().Exempt = uint8(v)
			return
		}
		cmd.Replace().Exempt = uint8(v)
	case 12:
		postOnly(cmd, byte(v))
	case 24:
		if l.Verb == MassCancel {
			cmd.Flags |= engine.FlagMinQty
			cmd.MassCancel().Group = uint16(v)
			return
		}
		x.Present, x.Group = x.Present|engine.Tag24Group, uint16(v)
	case 27:
		cmd.Side = uint8(v)
	case 28:
		cmd.Idx = uint8(v)
	default:
		if l.Verb != Modify { // what a Modify carries beside its size changes nothing
			extend(x, o)
		}
	}
}

// postOnly carries tag 12. An instruction that is not known must not be taken for none.
func postOnly(cmd *engine.Command, letter byte) {
	switch letter {
	case 'P':
		cmd.Flags |= engine.FlagPostOnly
	case 'R':
		cmd.Flags |= engine.FlagPostOnlySlip
	case 'N':
		cmd.Flags |= engine.FlagPostOnlyN
	default:
		cmd.Ext.Present |= engine.TagUnknown
	}
}

// extend carries an option that lies in the Extension cell alone.
func extend(x *engine.Extension, o Option) {
	bit := uint32(0)
	switch v := o.Value; o.Tag {
	case 5:
		bit, x.MaxFloor = engine.Tag5MaxFloor, uint32(v)
	case 6:
		bit, x.PriceType = engine.Tag6PriceType, uint8(v)
	case 7:
		bit, x.PegOffset = engine.Tag7PegOffset, int32(v)
	case 9:
		bit = engine.Tag9Discretion
	case 10:
		bit = engine.Tag10DiscretionType
	case 11:
		bit = engine.Tag11DiscretionOffset
	case 13:
		bit, x.Random = engine.Tag13Random, uint32(v)
	case 14:
		bit = engine.Tag14Route
	case 15:
		bit, x.Expire = engine.Tag15TimeToLive, v
	case 16:
		bit, x.TradeNow = engine.Tag16TradeNow, uint8(v)
	case 17:
		bit, x.Handling = engine.Tag17Handling, uint8(v)
	case 25:
		bit, x.Located = engine.Tag25Located, uint8(v)
	case 26:
		bit, x.Locate = engine.Tag26Locate, [4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
	case 29:
		bit, x.AIQ = engine.Tag29AIQ, uint8(v)
	case 30:
		bit, x.AIQGroup = engine.Tag30AIQGroup, [2]byte{byte(v >> 8), byte(v)}
	case 128:
		bit, x.StopPrice = engine.Tag128Stop, v
	case 129:
		bit, x.StopTrigger = engine.Tag129Trigger, uint8(v)
	case 131:
		bit, x.TrailOffset = engine.Tag131Trail, int32(v)
	case 132:
		bit, x.Expire = engine.Tag132Expire, v
	}
	x.Present |= bit
}
