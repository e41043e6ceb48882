package engine_test

import "syscall"

// prefault does what a core does before it opens: the memory of orders in place, in huge pages.
func prefault(address, size uintptr) {
	const page = 4096
	first := (address + page - 1) &^ (page - 1)
	for _, advice := range [...]uintptr{syscall.MADV_HUGEPAGE, 23, 25} { // MADV_POPULATE_WRITE, MADV_COLLAPSE
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, first, (address+size-first)&^(page-1), advice)
	}
}
