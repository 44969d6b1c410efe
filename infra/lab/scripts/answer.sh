#!/bin/sh
# An exhibit that is asked by a command, over HTTP or over TCP, as its first argument says.
# What each probe asks about is a file in the state folder: started, ready, alive. Remove one, and that probe fails.
# While there is a file `hold`, the start does not come to its end. The folder outlives the container.
set -eu
trap 'exit 0' TERM
cd "${STATE:-/state}"
rm -f started ready alive

# Listens on the port while the file is there.
listen() {
    while :; do
        until [ -e "$2" ]; do sleep 1; done
        httpd -f -p "$1" -h /tmp &
        listener=$!
        while [ -e "$2" ]; do sleep 1; done
        kill "$listener"
        wait "$listener" || true
    done
}

case "$1" in
command) ;;
http) httpd -f -p 8080 -h . & ;;
tcp)
    listen 8081 started &
    listen 8082 ready &
    listen 8083 alive &
    ;;
*)
    echo "$1: it is command, http or tcp; correct the exhibit's command" >&2
    exit 2
    ;;
esac

while [ -e hold ]; do
    sleep 1 &
    wait $!
done
touch started ready alive
sleep infinity &
wait
