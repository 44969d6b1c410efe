"""The issuer: short signed tokens that say who somebody is. Owns how one proves it; what one may do is the API's."""
