#!/bin/sh
# rootfs.sh DIR: fills DIR with rsync and ssh of this Debian, the libraries that they
# are linked to, and the few files that they look for: the root file system of the
# image, but for sersync itself.
set -eu
dir=$1

# copy FILE...: to the same place below DIR, links followed.
copy() {
    for file; do
        mkdir -p "$dir$(dirname "$file")"
        cp -L --preserve=mode "$file" "$dir$file"
    done
}

for program in rsync ssh; do
    copy "/usr/bin/$program"
    # shellcheck disable=SC2046 # one word for each library
    copy $(ldd "/usr/bin/$program" | grep -o '/[^ )]*')
done
copy /usr/share/doc/rsync/copyright /usr/share/doc/openssh-client/copyright
# Certificates are for the http and refreshCDN plugins, time zones for cron="TZ=...".
copy /etc/ssl/certs/ca-certificates.crt
mkdir -p "$dir/usr/share"
cp -R /usr/share/zoneinfo "$dir/usr/share/zoneinfo"

mkdir -p "$dir/etc/sersync" "$dir/run" "$dir/tmp"
chmod 1777 "$dir/tmp"
install -d -m 700 "$dir/root"
ln -s sersync "$dir/usr/bin/sersync2"
# ssh refuses to work for a user without a name.
cat > "$dir/etc/passwd" << 'EOF'
root:x:0:0:root:/root:/usr/sbin/nologin
sersync:x:65532:65532:sersync:/var/lib/sersync:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
EOF
cat > "$dir/etc/group" << 'EOF'
root:x:0:
sersync:x:65532:
nogroup:x:65534:
EOF
echo 'hosts: files dns' > "$dir/etc/nsswitch.conf"
