package replay

// scanner cuts a line into tokens. A token that begins with '#' ends the line.
type scanner struct {
	text  []byte
	token []byte
	line  int
	start int // of the token
	end   int
}

func (s *scanner) next() {
	i := s.end
	for i < len(s.text) && (s.text[i] == ' ' || s.text[i] == '\t') {
		i++
	}
	j := i
	if i < len(s.text) && s.text[i] != '#' {
		for j < len(s.text) && s.text[j] != ' ' && s.text[j] != '\t' {
			j++
		}
	}
	s.token, s.start, s.end = s.text[i:j], i, j
}

func (s *scanner) expected(what string) error {
	return &FlowError{s.line, s.start + 1, what, string(s.token)}
}

// number reads a decimal integer without sign.
func number[T uint32 | uint64](v *T, token []byte) bool {
	if len(token) == 0 || len(token) > 20 {
		return false
	}
	sum := T(0)
	for _, c := range token {
		d := T(c - '0')
		if c < '0' || c > '9' || sum > (^T(0)-d)/10 {
			return false
		}
		sum = sum*10 + d
	}
	*v = sum
	return true
}

// letter reads one printable character.
func letter(v *byte, token []byte) bool {
	if len(token) != 1 || token[0] <= ' ' || token[0] > '~' {
		return false
	}
	*v = token[0]
	return true
}

// alpha reads printable characters into a field that is padded with spaces.
func alpha(field, token []byte) bool {
	if len(token) == 0 || len(token) > len(field) {
		return false
	}
	for _, c := range token {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	blank(field[copy(field, token):])
	return true
}

// name reads letters and digits into a field that is padded with spaces, letters as capitals.
func name(field, token []byte) bool {
	if !alpha(field, token) {
		return false
	}
	for i, c := range token {
		switch {
		case c >= 'a' && c <= 'z':
			field[i] = c - 'a' + 'A'
		case c < '0' || c > '9' && c < 'A' || c > 'Z':
			return false
		}
	}
	return true
}

func blank(field []byte) {
	for i := range field {
		field[i] = ' '
	}
}

// trim cuts off padding.
func trim(field []byte) []byte {
	for len(field) > 0 && (field[len(field)-1] == ' ' || field[len(field)-1] == 0) {
		field = field[:len(field)-1]
	}
	return field
}

// chomp cuts off the end of a line.
func chomp(text []byte) []byte {
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r') {
		text = text[:len(text)-1]
	}
	return text
}
