#!/bin/sh
# Turn a freshly unpacked distribution into a machine: `make.sh ROOT KERNEL-PACKAGE`, run by mmdebstrap with this folder in ROOT/boot/guest.
#
# The kernel's package is unpacked, not installed: its scripts would make an initrd of 30 MB and a boot loader's menu.
set -eu
root=$1 package=$2
here=$root/boot/guest

in_root() { chroot "$root" "$@"; }

in_root useradd --create-home --shell /bin/bash tester
mkdir -p "$root/var/lib/systemd/linger"
: > "$root/var/lib/systemd/linger/tester"
: > "$root/etc/machine-id"
echo machine > "$root/etc/hostname"
printf '127.0.0.1 localhost machine\n45.45.45.45 good.test\n45.45.45.66 evil.test\n' > "$root/etc/hosts"

cp "$here/agent.py" "$root/usr/local/sbin/agent"
cat > "$root/etc/systemd/system/agent.service" <<UNIT
[Unit]
After=basic.target dbus.service systemd-logind.service systemd-user-sessions.service user@1000.service
Wants=dbus.service systemd-logind.service systemd-user-sessions.service user@1000.service
[Service]
ExecStart=/usr/bin/python3 /usr/local/sbin/agent
StandardError=journal+console
TasksMax=infinity
UNIT
cat > "$root/etc/systemd/system/tests.target" <<UNIT
[Unit]
Requires=basic.target agent.service
After=basic.target
AllowIsolate=yes
UNIT
ln -sf tests.target "$root/etc/systemd/system/default.target"
# What a machine of a few minutes has no use for, and what takes a slow one long. Profiles of AppArmor are loaded by the tests that are about them.
for unit in apparmor ldconfig kmod-static-nodes modprobe@ systemd-hwdb-update systemd-journal-catalog-update systemd-journal-flush \
    systemd-modules-load systemd-pcrmachine systemd-pcrphase systemd-random-seed systemd-timesyncd systemd-tpm2-setup systemd-tpm2-setup-early \
    systemd-udev-load-credentials systemd-udev-trigger systemd-udevd systemd-update-done systemd-update-utmp; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
done
for unit in timers.target dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount systemd-udevd-control.socket systemd-udevd-kernel.socket; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done

# The same machine without systemd, when the kernel's command line has `inner.plain`: an init of busybox, as on Alpine.
printf '%s\n' '::sysinit:/usr/local/sbin/plain' '::once:/usr/bin/python3 /usr/local/sbin/agent' > "$root/etc/inittab"
install -m 755 "$here/plain" "$root/usr/local/sbin/plain"

names=$(in_root apt-cache depends --recurse --no-suggests --no-recommends --no-conflicts --no-breaks --no-replaces --no-enhances "$package" |
    sed -nE 's/^ *(Pre)?Depends: (linux-(image|modules|binary|base)[a-z-]*-[0-9].*)/\2/p' | sort -u)
# shellcheck disable=SC2086
in_root sh -c 'cd /boot/inner && apt-get -q download "$@" && for deb in *.deb; do dpkg-deb --fsys-tarfile $deb | tar -C / --keep-directory-symlink --exclude=./usr/share -xf -; done && rm *.deb' sh $names
kernel=$(ls "$root/usr/lib/modules")
in_root depmod "$kernel"
for file in "$root"/boot/vmlinuz-* "$root"/usr/lib/modules/*/vmlinuz; do  # newer packages have it beside the modules
    [ ! -f "$file" ] || mv "$file" "$root/boot/inner/vmlinuz"
done

# The initrd: busybox, `init`, and the modules that lead to the image, in the order in which they are loaded.
work=$root/boot/initrd
mkdir -p "$work/bin" "$work/dev" "$work/proc" "$work/image" "$work/memory" "$work/merged" "$work/modules"
cp "$root/bin/busybox" "$work/bin/"
cp "$here/init" "$work/init" && chmod 755 "$work/init"
for module in virtio_pci virtio_blk virtio_console virtio_rng squashfs overlay; do
    in_root modprobe --show-depends --set-version "$kernel" "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r path; do
    number=$((${number:-100} + 1))
    name=$work/modules/$number-$(basename "${path%.ko*}")
    case $path in
        *.xz) in_root xz -dc "$path" > "$name" ;;
        *.zst) in_root zstd -dc "$path" > "$name" ;;
        *) cp "$root$path" "$name" ;;
    esac
done
in_root sh -c 'cd /boot/initrd && find . | cpio --quiet -o -H newc | gzip -1 > /boot/inner/initrd'
in_root python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' > "$root/boot/inner/python"
rm -rf "$work" "$here" "$root"/var/cache/apt/*.bin
