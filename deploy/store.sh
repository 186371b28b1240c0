#!/bin/sh
# SeaweedFS with one identity, which may use one bucket and no other, and administrate nothing.
set -eu
umask 077
cat > /tmp/s3.json <<JSON
{"identities": [{"name": "trainer",
  "credentials": [{"accessKey": "$NAME", "secretKey": "$SECRET"}],
  "actions": ["Read:quietkeys", "Write:quietkeys", "List:quietkeys"]}]}
JSON
unset NAME SECRET
exec weed server -dir=/data -ip=store -ip.bind=0.0.0.0 -master.volumeSizeLimitMB=1024 \
  -s3 -s3.port=8333 -s3.config=/tmp/s3.json
