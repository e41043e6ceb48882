package ouch

// Sides.
const (
	SideBuy             byte = 'B'
	SideSell            byte = 'S'
	SideSellShort       byte = 'T'
	SideSellShortExempt byte = 'E'
)

// Times in force. The letters follow FIX tag 59; GTC and FOK are this venue's own.
const (
	TIFDay        byte = '0'
	TIFGTC        byte = '1' // private: good till cancelled, or with tag 132 till a date
	TIFIOC        byte = '3' // immediate or cancel
	TIFFOK        byte = '4' // private: fill or kill
	TIFGTX        byte = '5' // extended hours
	TIFGTT        byte = '6' // good till time: tag 15 seconds, at most till the end of the day
	TIFAfterHours byte = 'E'
)

// Display. Conformant is outbound only.
const (
	DisplayVisible      byte = 'Y'
	DisplayHidden       byte = 'N'
	DisplayAttributable byte = 'A'
	DisplayConformant   byte = 'Z'
)

// Capacities.
const (
	CapacityAgency    byte = 'A'
	CapacityPrincipal byte = 'P'
	CapacityRiskless  byte = 'R'
	CapacityOther     byte = 'O'
)

// Yes and No are the values of Sweep (InterMarket Sweep) and of tags 16, 25 and 134.
const (
	Yes byte = 'Y'
	No  byte = 'N'
)

// Cross types.
const (
	CrossContinuous   byte = 'N'
	CrossOpening      byte = 'O'
	CrossClosing      byte = 'C'
	CrossHalt         byte = 'H'
	CrossSupplemental byte = 'S'
	CrossRetail       byte = 'R'
	CrossExtendedLife byte = 'E'
	CrossAfterHours   byte = 'A'
)

// Prices with a meaning of their own, in an instrument of four decimals. The venue takes MarketPrice as market for every
// instrument, MarketFlag and what is at or above MarketFrom only where no limit price can be that high.
const (
	MarketPrice uint64 = 1<<64 - 1
	MarketFlag  uint64 = 0x7FFFFFFF
	MarketFrom  uint64 = 2_000_000_000
	MaxPrice    uint64 = 1_999_999_900 // the highest limit price of OUCH
)

// States of an order in Accepted and Replaced. Dead: nothing more will be said about it.
const (
	StateLive byte = 'L'
	StateDead byte = 'D'
)

// Events of SystemEvent.
const (
	EventStartOfDay byte = 'S'
	EventEndOfDay   byte = 'E'
)

// Reasons of Canceled; AIQCanceled has CanceledSelfMatch.
const (
	CanceledRegulatory    byte = 'D'
	CanceledClosed        byte = 'E' // a day order at the end of its day
	CanceledPostOnlyNMS   byte = 'F'
	CanceledPostOnly      byte = 'G' // a post-only order that would have taken a displayed one
	CanceledHalted        byte = 'H'
	CanceledImmediate     byte = 'I' // the rest of an immediate-or-cancel order
	CanceledCollar        byte = 'K'
	CanceledSelfMatch     byte = 'Q'
	CanceledSupervisory   byte = 'S'
	CanceledTimeout       byte = 'T' // its time in force is over
	CanceledUser          byte = 'U'
	CanceledOpening       byte = 'X'
	CanceledSystem        byte = 'Z'
	CanceledDirectListing byte = 'e'
)

// Reasons of Restated.
const (
	RestatedRefresh   byte = 'R' // a new displayed part of a reserve order
	RestatedPrice     byte = 'P' // the displayed price changed
	RestatedTriggered byte = 'T' // private: a stop order became live
)

// Reasons of BrokenTrade.
const (
	BrokenErroneous   byte = 'E'
	BrokenConsent     byte = 'C'
	BrokenSupervisory byte = 'S'
	BrokenExternal    byte = 'X'
)

// Liquidity flags of Executed and AIQCanceled that mean something outside US retail trading.
const (
	LiquidityAdded           byte = 'A'
	LiquidityRemoved         byte = 'R'
	LiquidityAddedHidden     byte = 'J'
	LiquidityAddedMidpoint   byte = 'k'
	LiquidityRemovedMidpoint byte = 'm'
	LiquidityOpeningCross    byte = 'O'
	LiquidityClosingCross    byte = 'C'
	LiquidityHaltCross       byte = 'H'
	LiquidityHaltImbalance   byte = 'K'
	LiquidityCloseImbalance  byte = 'L'
	LiquidityOpenImbalance   byte = 'M'
	LiquidityImprovedBest    byte = '7'
	LiquiditySetBest         byte = '8'
)

// Price types, tag 6. Tag 10 takes Limit, MarketPeg, MidpointPeg and PrimaryPeg.
const (
	PriceLimit          byte = 'L'
	PriceMarketPeg      byte = 'P'
	PriceMidpointPeg    byte = 'M'
	PricePrimaryPeg     byte = 'R'
	PriceMarketMakerPeg byte = 'Q'
	PriceMidpoint       byte = 'm'
	PriceMarketToLimit  byte = 'K' // private
)

// Customer types, tag 4.
const (
	CustomerRetail    byte = 'R'
	CustomerNotRetail byte = 'N'
)

// Post-only instructions, tag 12.
const (
	PostOnly        byte = 'P'
	PostOnlyNo      byte = 'N'
	PostOnlyReprice byte = 'R' // private: one tick away instead of cancelled
)

// Strategies of self-match prevention, tag 29, at the level of the firm. The lower-case letters o, w, d and y are the same
// at the level of the organisation.
const (
	AIQCancelOldest  byte = 'O'
	AIQCancelNewest  byte = 'W'
	AIQDecrement     byte = 'D'
	AIQDecrementMute byte = 'Y' // decrement both, without details
	AIQCancelBoth    byte = 'B' // private
	AIQNone          byte = 'N' // private
)

// Triggers of stop orders, tag 129, private.
const (
	TriggerLast byte = 'L'
	TriggerBid  byte = 'B'
	TriggerAsk  byte = 'A'
)
