package ouch

// Codes of Rejected (OUCH 5.0 Order Reject Reasons).
const (
	RejectQuoteUnavailable    uint16 = 0x01
	RejectDestinationClosed   uint16 = 0x02
	RejectInvalidDisplay      uint16 = 0x03
	RejectInvalidMaxFloor     uint16 = 0x04
	RejectInvalidPegType      uint16 = 0x05
	RejectFatFinger           uint16 = 0x06
	RejectHalted              uint16 = 0x07
	RejectSweepNotAllowed     uint16 = 0x08
	RejectInvalidSide         uint16 = 0x09
	RejectProcessing          uint16 = 0x0A
	RejectCancelPending       uint16 = 0x0B
	RejectFirmNotAuthorized   uint16 = 0x0C
	RejectInvalidMinQty       uint16 = 0x0D
	RejectNoClosingReference  uint16 = 0x0E
	RejectOther               uint16 = 0x0F
	RejectCancelNotAllowed    uint16 = 0x10
	RejectPegNotAllowed       uint16 = 0x11
	RejectCrossedMarket       uint16 = 0x12
	RejectInvalidQuantity     uint16 = 0x13
	RejectInvalidCross        uint16 = 0x14
	RejectReplaceNotAllowed   uint16 = 0x15
	RejectRoutingNotAllowed   uint16 = 0x16
	RejectInvalidSymbol       uint16 = 0x17
	RejectTest                uint16 = 0x18
	RejectLateLimitOnClose    uint16 = 0x19
	RejectRetailNotAllowed    uint16 = 0x1A
	RejectMidpointPostOnly    uint16 = 0x1B
	RejectInvalidDestination  uint16 = 0x1C
	RejectInvalidPrice        uint16 = 0x1D
	RejectShares              uint16 = 0x1E // more than the threshold
	RejectNotional            uint16 = 0x1F // more than the maximum
	RejectRiskExposure        uint16 = 0x20
	RejectRiskMarketImpact    uint16 = 0x21
	RejectRiskRestricted      uint16 = 0x22
	RejectRiskShortSell       uint16 = 0x23
	RejectRiskOrderType       uint16 = 0x24
	RejectRiskAverageVolume   uint16 = 0x25
	RejectRiskFatFinger       uint16 = 0x26
	RejectRiskLocate          uint16 = 0x27
	RejectRiskSymbolRate      uint16 = 0x28
	RejectRiskPortRate        uint16 = 0x29
	RejectRiskDuplicateRate   uint16 = 0x2A
	RejectShortSell           uint16 = 0x2B
	RejectMarketOrder         uint16 = 0x2C
	RejectPreMarket           uint16 = 0x2D
	RejectPostMarket          uint16 = 0x2E
	RejectShortSellExempt     uint16 = 0x2F
	RejectSingleOrderNotional uint16 = 0x30
	RejectMaxQuantity         uint16 = 0x31
	RejectShortSaleState      uint16 = 0x32
	RejectIPOMarketBuy        uint16 = 0x33
	RejectInvalidAIQ          uint16 = 0x40
)
