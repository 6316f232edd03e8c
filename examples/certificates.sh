#!/bin/sh
# Makes an authority, a certificate for a server called localhost, and one for a client:
#   sh examples/certificates.sh DIR
set -eu
mkdir -p "$1"
cd "$1"

# The authority that signs the other two.
openssl req -x509 -nodes -days 365 -newkey rsa:2048 -keyout ca.key -out ca.crt -subj "/O=Example/CN=Example authority"

# The server's name must be the one that clients connect to.
for who in localhost client; do
    name=$who
    [ "$who" = localhost ] && name=server
    openssl genrsa -out "$name.key" 2048
    openssl req -new -key "$name.key" -out "$name.csr" -subj "/O=Example/CN=$who"
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$name.crt" -days 365 -sha256
    rm "$name.csr"
done
