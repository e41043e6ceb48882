module matcher/tests/peers

go 1.26.0

require matcher v0.0.0

require github.com/google/btree v1.1.3 // indirect

replace matcher => ../..
