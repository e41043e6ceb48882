// Empty: it lets the compiler accept functions whose bodies are in package runtime (hold_linux.go).
