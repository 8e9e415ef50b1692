#!/bin/sh
# Stands for node and the Coordinator: waits, and ends when it is told to.
trap 'exit 0' TERM
while :; do sleep 600 & wait $!; done
