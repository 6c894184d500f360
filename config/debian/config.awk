# The example configuration with the places that the package has.
/^[a-z]/ { section = $1 }
section == "ledger:" && /^  directory:/ { $0 = "  directory: /var/lib/accrued" }
section == "schemas:" && /^  directory:/ { $0 = "  directory: /usr/share/accrued/schemas" }
{ print }
