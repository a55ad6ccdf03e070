#!/bin/sh
# Receiver for the command plugin with paths="stdin" separator="newline" and
# env="true": one run for many paths of one operation.
while IFS= read -r path; do
	printf '%s %s\n' "$SERSYNC_OPERATION" "$path"
done
