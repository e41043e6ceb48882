package ouch

import (
	"fmt"
	"math/bits"
)

// Bits of Options.Present, one per tag: bit n for tag n, bit n-96 for the private tags from 128 up.
const (
	Tag1SecondaryOrderRef    uint64 = 1 << 1
	Tag2Firm                 uint64 = 1 << 2
	Tag3MinQty               uint64 = 1 << 3
	Tag4CustomerType         uint64 = 1 << 4
	Tag5MaxFloor             uint64 = 1 << 5
	Tag6PriceType            uint64 = 1 << 6
	Tag7PegOffset            uint64 = 1 << 7
	Tag9DiscretionPrice      uint64 = 1 << 9
	Tag10DiscretionPriceType uint64 = 1 << 10
	Tag11DiscretionPegOffset uint64 = 1 << 11
	Tag12PostOnly            uint64 = 1 << 12
	Tag13RandomReserves      uint64 = 1 << 13
	Tag14Route               uint64 = 1 << 14
	Tag15ExpireTime          uint64 = 1 << 15
	Tag16TradeNow            uint64 = 1 << 16
	Tag17HandleInst          uint64 = 1 << 17
	Tag18BBOWeight           uint64 = 1 << 18
	Tag22DisplayQuantity     uint64 = 1 << 22
	Tag23DisplayPrice        uint64 = 1 << 23
	Tag24GroupID             uint64 = 1 << 24
	Tag25SharesLocated       uint64 = 1 << 25
	Tag26LocateBroker        uint64 = 1 << 26
	Tag27Side                uint64 = 1 << 27
	Tag28UserRefIdx          uint64 = 1 << 28
	Tag29AIQStrategy         uint64 = 1 << 29
	Tag30AIQGroup            uint64 = 1 << 30
	Tag128StopPrice          uint64 = 1 << (128 - 96)
	Tag129StopTrigger        uint64 = 1 << (129 - 96)
	Tag131TrailOffset        uint64 = 1 << (131 - 96)
	Tag132ExpireAt           uint64 = 1 << (132 - 96)
	Tag134Exempt             uint64 = 1 << (134 - 96)
	Tag135Origin             uint64 = 1 << (135 - 96)
)

// Options are the elements of an appendage, read. A field means something only if the bit of its tag is in Present.
type Options struct {
	Present             uint64  // TagXxx bits
	SecondaryOrderRef   uint64  // 1: of the displayed part of a reserve order, as in ITCH
	DiscretionPrice     uint64  // 9
	DisplayPrice        uint64  // 23
	StopPrice           uint64  // 128, private
	ExpireAt            uint64  // 132, private: ns since 1970
	MinQty              uint32  // 3
	MaxFloor            uint32  // 5: displayed quantity of a reserve order
	PegOffset           int32   // 7
	DiscretionPegOffset int32   // 11
	RandomReserves      uint32  // 13
	ExpireTime          uint32  // 15: seconds to live, below 86,400
	DisplayQuantity     uint32  // 22
	TrailOffset         int32   // 131, private
	Firm                [4]byte // 2
	Route               [4]byte // 14
	LocateBroker        [4]byte // 26
	Origin              Origin  // 135, private
	GroupID             uint16  // 24
	AIQGroup            [2]byte // 30
	CustomerType        byte    // 4
	PriceType           byte    // 6
	DiscretionPriceType byte    // 10
	PostOnly            byte    // 12
	TradeNow            byte    // 16
	HandleInst          byte    // 17
	BBOWeight           byte    // 18
	SharesLocated       byte    // 25
	Side                byte    // 27
	UserRefIdx          byte    // 28: numbering channel, 0 the default
	AIQStrategy         byte    // 29
	StopTrigger         byte    // 129, private: TriggerXxx
	Exempt              byte    // 134, private: No keeps the order when its connection is lost, Yes does not
}

// Origin tells where an order carried over from an earlier day was first entered (tag 135, 9 bytes).
type Origin struct {
	Date       uint32 // YYYYMMDD, decimal
	UserRefNum uint32
	UserRefIdx byte
}

// Errors of Options.Decode beside ErrAppendage, which they wrap.
var (
	ErrTagSize  = fmt.Errorf("%w: a known tag with a value of another size", ErrAppendage)
	ErrTagTwice = fmt.Errorf("%w: a tag given twice", ErrAppendage)
)

// Decode reads the elements of an appendage, in any order. Tags it does not know are passed over. On an error o holds what
// came before it.
func (o *Options) Decode(app []byte) error {
	*o = Options{}
	for len(app) > 0 {
		n := int(app[0])
		if n == 0 || n >= len(app) {
			return ErrAppendage
		}
		tag, value := app[1], app[2:1+n]
		app = app[1+n:]
		size := valueSize(tag)
		if size == 0 {
			continue
		}
		bit := uint64(1) << slot(tag)
		if size != len(value) {
			return ErrTagSize
		}
		if o.Present&bit != 0 {
			return ErrTagTwice
		}
		o.Present |= bit
		o.read(tag, value)
	}
	return nil
}

// Append appends the elements that are present, in ascending order of their tags. It panics if Present has a bit of no tag.
func (o *Options) Append(dst []byte) []byte {
	for left := o.Present; left != 0; left &= left - 1 {
		tag := byte(bits.TrailingZeros64(left))
		if tag >= 32 {
			tag += 96
		}
		size := valueSize(tag)
		if size == 0 {
			panic("ouch: option bit of no tag")
		}
		n := len(dst)
		dst = extend(dst, 2+size)
		dst[n], dst[n+1] = byte(1+size), tag
		o.write(tag, dst[n+2:])
	}
	return dst
}

// slot returns the number of a known tag's bit.
func slot(tag byte) byte {
	if tag >= 128 {
		return tag - 96
	}
	return tag
}

// valueSize returns the size of a tag's value in bytes, 0 for an unknown tag. Tags 19 and 20 were withdrawn in May 2023:
// they are unknown, and must not be used again.
func valueSize(tag byte) int {
	switch tag {
	case 4, 6, 10, 12, 16, 17, 18, 25, 27, 28, 29, 129, 134:
		return 1
	case 24, 30:
		return 2
	case 2, 3, 5, 7, 11, 13, 14, 15, 22, 26, 131:
		return 4
	case 1, 9, 23, 128, 132:
		return 8
	case 135:
		return 9
	}
	return 0
}

// read sets the field of a known tag from a value of the right size.
func (o *Options) read(tag byte, v []byte) {
	switch tag {
	case 1:
		o.SecondaryOrderRef = u64(v)
	case 2:
		o.Firm = [4]byte(v)
	case 3:
		o.MinQty = u32(v)
	case 4:
		o.CustomerType = v[0]
	case 5:
		o.MaxFloor = u32(v)
	case 6:
		o.PriceType = v[0]
	case 7:
		o.PegOffset = int32(u32(v))
	case 9:
		o.DiscretionPrice = u64(v)
	case 10:
		o.DiscretionPriceType = v[0]
	case 11:
		o.DiscretionPegOffset = int32(u32(v))
	case 12:
		o.PostOnly = v[0]
	case 13:
		o.RandomReserves = u32(v)
	case 14:
		o.Route = [4]byte(v)
	case 15:
		o.ExpireTime = u32(v)
	case 16:
		o.TradeNow = v[0]
	case 17:
		o.HandleInst = v[0]
	case 18:
		o.BBOWeight = v[0]
	case 22:
		o.DisplayQuantity = u32(v)
	case 23:
		o.DisplayPrice = u64(v)
	case 24:
		o.GroupID = u16(v)
	case 25:
		o.SharesLocated = v[0]
	case 26:
		o.LocateBroker = [4]byte(v)
	case 27:
		o.Side = v[0]
	case 28:
		o.UserRefIdx = v[0]
	case 29:
		o.AIQStrategy = v[0]
	case 30:
		o.AIQGroup = [2]byte(v)
	case 128:
		o.StopPrice = u64(v)
	case 129:
		o.StopTrigger = v[0]
	case 131:
		o.TrailOffset = int32(u32(v))
	case 132:
		o.ExpireAt = u64(v)
	case 134:
		o.Exempt = v[0]
	case 135:
		o.Origin = Origin{Date: u32(v), UserRefNum: u32(v[4:]), UserRefIdx: v[8]}
	}
}

// write is the inverse of read.
func (o *Options) write(tag byte, v []byte) {
	switch tag {
	case 1:
		put64(v, o.SecondaryOrderRef)
	case 2:
		copy(v, o.Firm[:])
	case 3:
		put32(v, o.MinQty)
	case 4:
		v[0] = o.CustomerType
	case 5:
		put32(v, o.MaxFloor)
	case 6:
		v[0] = o.PriceType
	case 7:
		put32(v, uint32(o.PegOffset))
	case 9:
		put64(v, o.DiscretionPrice)
	case 10:
		v[0] = o.DiscretionPriceType
	case 11:
		put32(v, uint32(o.DiscretionPegOffset))
	case 12:
		v[0] = o.PostOnly
	case 13:
		put32(v, o.RandomReserves)
	case 14:
		copy(v, o.Route[:])
	case 15:
		put32(v, o.ExpireTime)
	case 16:
		v[0] = o.TradeNow
	case 17:
		v[0] = o.HandleInst
	case 18:
		v[0] = o.BBOWeight
	case 22:
		put32(v, o.DisplayQuantity)
	case 23:
		put64(v, o.DisplayPrice)
	case 24:
		put16(v, o.GroupID)
	case 25:
		v[0] = o.SharesLocated
	case 26:
		copy(v, o.LocateBroker[:])
	case 27:
		v[0] = o.Side
	case 28:
		v[0] = o.UserRefIdx
	case 29:
		v[0] = o.AIQStrategy
	case 30:
		copy(v, o.AIQGroup[:])
	case 128:
		put64(v, o.StopPrice)
	case 129:
		v[0] = o.StopTrigger
	case 131:
		put32(v, uint32(o.TrailOffset))
	case 132:
		put64(v, o.ExpireAt)
	case 134:
		v[0] = o.Exempt
	case 135:
		put32(v, o.Origin.Date)
		put32(v[4:], o.Origin.UserRefNum)
		v[8] = o.Origin.UserRefIdx
	}
}
