package main

import "syscall"

// inPlace brings memory into place, in huge pages, as a core does before it opens: the floor's lies in such, too.
func inPlace(address, size uintptr) {
	const page, populateWrite, collapse = 4096, 23, 25
	first := (address + page - 1) &^ (page - 1)
	if address+size <= first+page {
		return
	}
	for _, advice := range [...]uintptr{syscall.MADV_HUGEPAGE, populateWrite, collapse} {
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, first, (address+size-first)&^(page-1), advice)
	}
}
